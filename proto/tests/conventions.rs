//! The conventions of the wire definitions, as far as a machine can tell: each rule is a function from descriptors to
//! findings. What may break a rule is named beside it with the reason; an exception that is needed no longer fails too.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};

/// A rule, in the words of its remedy.
struct Rule {
    remedy: &'static str,
    find: fn(&Wire) -> Vec<Finding>,
    /// Full name, and why it may.
    exceptions: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        remedy: "a package is its directory: touchstone.<noun>.v1 in touchstone/<noun>/v1",
        find: packages,
        exceptions: &[],
    },
    Rule {
        remedy: "<noun>_service.proto holds the service <Noun>Service with its requests and responses, and no resource",
        find: service_files,
        exceptions: &[],
    },
    Rule {
        remedy: "import quantity, Google's and the own package alone: another's resource goes by its name (AIP-215)",
        find: imports,
        exceptions: &[],
    },
    Rule { remedy: "what is in the record stays: no Update and no Delete", find: verbs, exceptions: &[] },
    Rule {
        remedy: "a method takes <Method>Request and returns a resource or <Method>Response, all of its own package",
        find: messages_of_methods,
        exceptions: &[],
    },
    Rule {
        remedy: "what changes something takes `string request_id` (AIP-155), whose comment says how long it is \
                 remembered; what reads takes none",
        find: request_ids,
        exceptions: &[
            (
                "touchstone.metering.v1.MeteringService.IngestReadings",
                "a reading's natural key is instrument, interval start and revision: sent again, it is a duplicate",
            ),
            ("touchstone.metering.v1.MeteringService.RecordReadings", "as IngestReadings"),
            ("touchstone.metering.v1.MeteringService.ComputeConsumption", "computes an answer and keeps nothing"),
        ],
    },
    Rule {
        remedy: "a list takes `int32 page_size` and `string page_token`, and gives one repeated field and \
                 `string next_page_token` (AIP-158)",
        find: lists,
        exceptions: &[],
    },
    Rule {
        remedy: "an RPC that streams its answer alone is called Stream… (one thing in pieces) or Watch… (each change) \
                 and streams <Method>Response; what is streamed to it has a request_id, so that a broken stream can be \
                 sent again",
        find: streams,
        exceptions: &[(
            "touchstone.metering.v1.MeteringService.IngestReadings",
            "readings have a natural key: a broken stream is simply sent again",
        )],
    },
    Rule {
        remedy: "google.api.field_behavior says who sets a field (AIP-203): REQUIRED or OPTIONAL in a request, \
                 OUTPUT_ONLY in a response, one of these or IDENTIFIER elsewhere",
        find: behaviours,
        exceptions: &[],
    },
    Rule {
        remedy: "a resource has `string name = 1`, IDENTIFIER; `name` or `parent` is field 1 of a request; the comment \
                 begins with the pattern (AIP-122)",
        find: names,
        exceptions: &[
            ("touchstone.registry.v1.Receipt", "a proof of the entry that it names, and nothing by itself"),
            ("touchstone.registry.v1.StatusProof", "a proof of the entry that it names, and nothing by itself"),
        ],
    },
    Rule {
        remedy: "an enum begins with <ENUM>_UNSPECIFIED = 0, and every value has the prefix <ENUM>_",
        find: enums,
        exceptions: &[],
    },
    Rule { remedy: "write a comment that says what it is", find: comments, exceptions: &[] },
    Rule { remedy: "a number that is used no longer is reserved, and so is its name", find: gaps, exceptions: &[] },
    Rule {
        remedy: "numbers that can be certified are google.type.Decimal: no double, no float",
        find: floats,
        exceptions: &[],
    },
    Rule {
        remedy: "a Timestamp is called …_time, and nothing else is",
        find: times,
        exceptions: &[
            ("touchstone.registry.v1.Certificate.valid_from", "the credential's own word (W3C VCDM 2.0, 4.9)"),
            ("touchstone.registry.v1.Certificate.valid_until", "the credential's own word (W3C VCDM 2.0, 4.9)"),
            ("touchstone.verification.v1.Verdict.fresh_until", "an end, in the words of valid_until"),
        ],
    },
    Rule {
        remedy: "a number has its unit at the end of its name (…_percent), or a field `unit` beside it",
        find: units,
        exceptions: &[
            ("touchstone.metering.v1.CalibrationPoint.load", "in units of the instrument an hour, as it says"),
            ("touchstone.metering.v1.CalibrationWarning.days", "the name is the unit"),
            ("touchstone.metering.v1.GasConversion.compressibility_expanded_uncertainty", "of a ratio"),
            ("touchstone.metering.v1.Multiplier.ratio", "a ratio"),
            ("touchstone.metering.v1.UncertaintyContribution.contribution", "in the unit of the answer that holds it"),
        ],
    },
    Rule {
        remedy: "a package with a service has `enum ErrorReason` in error_reason.proto; its values say the cause, \
                 then what to do: a last sentence that begins with a verb of REMEDIES",
        find: reasons,
        exceptions: &[],
    },
];

/// Methods that begin so change nothing.
const READS: &[&str] = &["Get", "List", "Find", "Stream", "Watch", "Recompute", "Verify"];

/// Methods that begin so stream their answer, and take one request.
const STREAMS: &[&str] = &["Stream", "Watch"];

/// What a remedy begins with: it tells the caller what to do.
const REMEDIES: &[&str] = &[
    "Ask", "Call", "Check", "Choose", "Come", "Compute", "Connect", "Correct", "Find", "Generate", "Have", "Link",
    "Name", "Read", "Record", "Register", "Report", "Send", "Sign", "Try", "Use", "Wait",
];

/// Units as they are written at the end of a name, with the words for them in a comment.
const UNITS: &[(&str, &[&str])] = &[
    ("percent", &["percent"]),
    ("ms", &["millisecond", "milliseconds", "ms"]),
    ("secs", &["second", "seconds"]),
    ("hours", &["hour", "hours"]),
    ("days", &["day", "days"]),
    ("bytes", &["byte", "bytes"]),
    ("kwh", &["kWh"]),
    ("mwh", &["MWh"]),
    ("gj", &["GJ"]),
    ("kg", &["kg"]),
    ("kg_co2e", &["kgCO2e"]),
    ("kpa", &["kPa"]),
    ("celsius", &["Celsius"]),
    ("kelvin", &["kelvin"]),
];

/// Ends of names of numbers that have no unit.
const RATIOS: &[&str] = &["_factor", "_share", "_ratio"];

#[test]
fn the_wire_keeps_its_conventions() {
    let wire = Wire::new(DescriptorPool::decode(proto::DESCRIPTORS).expect("checked-in descriptors"));
    assert!(wire.methods().len() > 30 && wire.fields().len() > 200, "the descriptors are ours, with their comments");
    let mut report = String::new();
    for rule in RULES {
        let found = (rule.find)(&wire);
        let unneeded = rule.exceptions.iter().filter(|(name, _)| !found.iter().any(|finding| finding.name == *name));
        let unneeded: Vec<String> =
            unneeded.map(|(name, _)| format!("  proto/tests/conventions.rs: {name} needs no exception\n")).collect();
        let found = found.iter().filter(|finding| !rule.exceptions.iter().any(|(name, _)| *name == finding.name));
        let found: Vec<String> =
            found.map(|Finding { place, name, problem }| format!("  {place}: {name} {problem}\n")).collect();
        if !(found.is_empty() && unneeded.is_empty()) {
            report += &format!("{}:\n{}{}", rule.remedy, found.concat(), unneeded.concat());
        }
    }
    assert!(report.is_empty(), "\n{report}after a change in proto/touchstone, run `make generate`");
}

/// A rule that never finds anything would pass as well: here each finds what is wrong with a file that breaks them all.
#[test]
fn every_rule_finds_what_breaks_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in BROKEN {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    }
    let mut compiler = protox::Compiler::new([folder.path(), env!("CARGO_MANIFEST_DIR").as_ref()]).expect("folders");
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(BROKEN.iter().map(|(name, _)| folder.path().join(name))).expect("they compile");
    let wire =
        Wire::new(DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).expect("descriptors"));
    let found: Vec<String> = RULES
        .iter()
        .flat_map(|rule| (rule.find)(&wire))
        .map(|Finding { place, name, problem }| format!("{place}: {name} {problem}"))
        .map(|line| {
            ["proto/", "touchstone/broken/v1/", "touchstone.broken."].iter().fold(line, |l, w| l.replace(w, ""))
        })
        .collect();
    let found = found.join("\n");
    assert!(found == EXPECTED.trim(), "another list than EXPECTED:\n{found}");
    for rule in RULES {
        assert!(!(rule.find)(&wire).is_empty(), "nothing in BROKEN breaks: {}", rule.remedy);
    }
}

/// Something that breaks a rule.
struct Finding {
    place: String,
    name: String,
    problem: String,
}

/// Descriptors with a place in a file.
trait Element {
    fn file(&self) -> FileDescriptor;
    fn at(&self) -> &[i32];
    fn name(&self) -> &str;
}

macro_rules! element {
    ($($descriptor:ty: |$it:ident| $file:expr;)*) => {$(
        impl Element for $descriptor {
            fn file(&self) -> FileDescriptor {
                let $it = self;
                $file
            }
            fn at(&self) -> &[i32] {
                self.path()
            }
            fn name(&self) -> &str {
                self.full_name()
            }
        }
    )*};
}

element! {
    ServiceDescriptor: |it| it.parent_file();
    MethodDescriptor: |it| it.parent_service().parent_file();
    MessageDescriptor: |it| it.parent_file();
    FieldDescriptor: |it| it.parent_message().parent_file();
    EnumDescriptor: |it| it.parent_file();
    EnumValueDescriptor: |it| it.parent_enum().parent_file();
}

/// Our own definitions, and where each stands with what comment.
struct Wire {
    pool: DescriptorPool,
    /// By file and path in it: line, and comment in one line.
    sources: BTreeMap<(String, Vec<i32>), (i32, String)>,
}

impl Wire {
    fn new(pool: DescriptorPool) -> Self {
        let mut sources = BTreeMap::new();
        for file in pool.file_descriptor_protos() {
            for location in file.source_code_info.iter().flat_map(|info| &info.location) {
                let comment = location.leading_comments().split_whitespace().collect::<Vec<_>>().join(" ");
                let key = (file.name().to_owned(), location.path.clone());
                sources.insert(key, (location.span.first().map_or(0, |line| line + 1), comment));
            }
        }
        Wire { pool, sources }
    }

    fn files(&self) -> Vec<FileDescriptor> {
        self.pool.files().filter(|file| file.name().starts_with("touchstone/")).collect()
    }

    fn services(&self) -> Vec<ServiceDescriptor> {
        self.files().iter().flat_map(|file| file.services().collect::<Vec<_>>()).collect()
    }

    fn methods(&self) -> Vec<MethodDescriptor> {
        self.services().iter().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
    }

    fn messages(&self) -> Vec<MessageDescriptor> {
        self.pool.all_messages().filter(|message| message.parent_file().name().starts_with("touchstone/")).collect()
    }

    fn fields(&self) -> Vec<FieldDescriptor> {
        self.messages().iter().flat_map(|message| message.fields().collect::<Vec<_>>()).collect()
    }

    fn enums(&self) -> Vec<EnumDescriptor> {
        self.pool.all_enums().filter(|kind| kind.parent_file().name().starts_with("touchstone/")).collect()
    }

    fn source(&self, element: &impl Element) -> (i32, &str) {
        let key = (element.file().name().to_owned(), element.at().to_vec());
        self.sources.get(&key).map_or((0, ""), |(line, comment)| (*line, comment.as_str()))
    }

    fn comment(&self, element: &impl Element) -> &str {
        self.source(element).1
    }

    fn finding(&self, element: &impl Element, problem: impl Into<String>) -> Finding {
        let place = format!("proto/{}:{}", element.file().name(), self.source(element).0);
        Finding { place, name: element.name().to_owned(), problem: problem.into() }
    }
}

fn of_file(file: &FileDescriptor, problem: impl Into<String>) -> Finding {
    Finding { place: format!("proto/{}", file.name()), name: file.package_name().to_owned(), problem: problem.into() }
}

/// `touchstone.<noun>.v1` -> noun.
fn noun(package: &str) -> &str {
    package.split('.').nth(1).unwrap_or("")
}

/// `ErrorReason` -> `ERROR_REASON`.
fn screaming(name: &str) -> String {
    let mut words = String::new();
    for (i, letter) in name.chars().enumerate() {
        if i > 0 && letter.is_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_uppercase());
    }
    words
}

fn begins(name: &str, verbs: &[&str]) -> bool {
    verbs.iter().any(|verb| name.starts_with(verb))
}

fn is_request(message: &MessageDescriptor) -> bool {
    message.name().ends_with("Request")
}

fn is_response(message: &MessageDescriptor) -> bool {
    message.name().ends_with("Response")
}

fn is_message(field: &FieldDescriptor, name: &str) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == name)
}

fn is_text(message: &MessageDescriptor, field: &str) -> bool {
    message.get_field_by_name(field).is_some_and(|field| field.kind() == Kind::String && !field.is_list())
}

fn behaviours_of(field: &FieldDescriptor) -> Vec<String> {
    let pool = field.parent_pool();
    let Some(annotation) = pool.get_extension_by_name("google.api.field_behavior") else { return Vec::new() };
    let Kind::Enum(words) = annotation.kind() else { return Vec::new() };
    let options = field.options();
    let set = options.get_extension(&annotation);
    let numbers = set.as_list().unwrap_or_default().iter().filter_map(|value| value.as_enum_number());
    numbers.filter_map(|number| Some(words.get_value(number)?.name().to_owned())).collect()
}

fn packages(wire: &Wire) -> Vec<Finding> {
    let wrong = |file: &FileDescriptor| {
        let package = file.package_name().replace('.', "/");
        let versioned = package.split('/').collect::<Vec<_>>();
        let fits =
            matches!(versioned[..], ["touchstone", noun, version] if !noun.is_empty() && version.starts_with('v'));
        let folder = file.name().rsplit_once('/').map_or("", |(folder, _)| folder);
        (!fits || package != folder).then(|| of_file(file, "is another package than its directory"))
    };
    wire.files().iter().filter_map(wrong).collect()
}

fn service_files(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in wire.services() {
        let file = service.parent_file();
        let noun = noun(file.package_name());
        if !file.name().ends_with(&format!("/{noun}_service.proto")) {
            found.push(wire.finding(&service, format!("stands elsewhere than in {noun}_service.proto")));
        }
        if service.name().to_lowercase() != format!("{noun}service") {
            found.push(wire.finding(&service, "is not called after its package"));
        }
        for method in service.methods() {
            for message in [method.input(), method.output()] {
                if (is_request(&message) || is_response(&message)) && message.parent_file() != file {
                    found.push(wire.finding(&message, "stands in another file than its method"));
                }
            }
        }
        let inside = file.messages().filter(|message| !is_request(message) && !is_response(message));
        found.extend(inside.map(|message| wire.finding(&message, "stands in the file of the service")));
    }
    found
}

fn imports(wire: &Wire) -> Vec<Finding> {
    let allowed = |file: &FileDescriptor, other: &FileDescriptor| {
        let package = other.package_name();
        package == file.package_name() || package == "touchstone.quantity.v1" || package.starts_with("google.")
    };
    let of = |file: &FileDescriptor| {
        let others = file.dependencies().filter(|other| !allowed(file, other));
        others.map(|other| of_file(file, format!("imports {}", other.name()))).collect::<Vec<_>>()
    };
    wire.files().iter().flat_map(of).collect()
}

fn verbs(wire: &Wire) -> Vec<Finding> {
    let methods = wire.methods();
    let undo = methods.iter().filter(|method| begins(method.name(), &["Update", "Delete"]));
    undo.map(|method| wire.finding(method, "undoes what was recorded")).collect()
}

fn messages_of_methods(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for method in wire.methods() {
        let package = method.parent_service().package_name().to_owned();
        let (input, output) = (method.input(), method.output());
        if input.package_name() != package || input.name() != format!("{}Request", method.name()) {
            found.push(wire.finding(&method, format!("takes {}", input.full_name())));
        }
        let own = !is_response(&output) || output.name() == format!("{}Response", method.name());
        if output.package_name() != package || is_request(&output) || !own {
            found.push(wire.finding(&method, format!("returns {}", output.full_name())));
        }
    }
    found
}

fn request_ids(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for method in wire.methods() {
        let reads = begins(method.name(), READS);
        let id = method.input().get_field_by_name("request_id");
        match id {
            Some(_) if reads => found.push(wire.finding(&method, "reads, and takes a request_id")),
            None if !reads => found.push(wire.finding(&method, "changes something, and takes no request_id")),
            Some(id) if !is_text(&method.input(), "request_id") => found.push(wire.finding(&id, "is no string")),
            Some(id) if !wire.comment(&id).contains("Remembered ") => {
                found.push(wire.finding(&id, "does not say how long it is remembered"))
            }
            _ => {}
        }
    }
    found
}

fn lists(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for method in wire.methods().iter().filter(|method| method.name().starts_with("List")) {
        let (input, output) = (method.input(), method.output());
        let size = input.get_field_by_name("page_size").is_some_and(|field| field.kind() == Kind::Int32);
        if !size || !is_text(&input, "page_token") {
            found.push(wire.finding(&input, "asks for no page"));
        }
        let repeated = output.fields().filter(FieldDescriptor::is_list).count();
        if !is_text(&output, "next_page_token") || repeated != 1 {
            found.push(wire.finding(&output, "is no page"));
        }
    }
    found
}

fn streams(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for method in wire.methods() {
        if method.is_client_streaming() && method.input().get_field_by_name("request_id").is_none() {
            found.push(wire.finding(&method, "streams requests that cannot be sent again"));
        }
        let answers = method.is_server_streaming() && !method.is_client_streaming();
        if answers != begins(method.name(), STREAMS) {
            found.push(wire.finding(&method, "is not named by whether it streams its answer"));
        }
        if method.is_server_streaming() && !is_response(&method.output()) {
            found.push(wire.finding(&method, "streams a resource"));
        }
    }
    found
}

fn behaviours(wire: &Wire) -> Vec<Finding> {
    let wrong = |field: &FieldDescriptor| {
        let message = field.parent_message();
        let allowed: &[&str] = match () {
            () if is_request(message) => &["REQUIRED", "OPTIONAL"],
            () if is_response(message) => &["OUTPUT_ONLY"],
            () => &["REQUIRED", "OPTIONAL", "OUTPUT_ONLY", "IDENTIFIER"],
        };
        let mut words = behaviours_of(field);
        words.retain(|word| word != "IMMUTABLE");
        let fits = matches!(&words[..], [one] if allowed.contains(&one.as_str()));
        (!fits).then(|| wire.finding(field, format!("has the behaviours {:?}", behaviours_of(field))))
    };
    wire.fields().iter().filter_map(wrong).collect()
}

fn names(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for message in wire.messages() {
        for field in ["name", "parent"].iter().filter_map(|name| message.get_field_by_name(name)) {
            if field.number() != 1 || field.kind() != Kind::String {
                found.push(wire.finding(&field, "is not the first field, a string"));
            }
            let pattern = wire.comment(&field).split([' ', ':', ',']).next().unwrap_or("");
            if !pattern.contains("/{") && !pattern.ends_with('}') {
                found.push(wire.finding(&field, "does not begin its comment with a pattern"));
            }
            let identifier = behaviours_of(&field).contains(&"IDENTIFIER".to_owned());
            if identifier == (is_request(&message) || is_response(&message)) {
                found.push(wire.finding(&field, "is IDENTIFIER in a resource, and there alone"));
            }
        }
    }
    let returned: BTreeSet<String> =
        wire.methods().iter().map(|method| method.output().full_name().to_owned()).collect();
    let resources = wire.messages().into_iter().filter(|message| returned.contains(message.full_name()));
    let nameless = resources.filter(|message| !is_response(message) && message.get_field_by_name("name").is_none());
    found.extend(nameless.map(|message| wire.finding(&message, "is returned as a resource, and has no name")));
    found
}

fn enums(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for kind in wire.enums() {
        let prefix = screaming(kind.name());
        if kind.get_value(0).is_none_or(|zero| zero.name() != format!("{prefix}_UNSPECIFIED")) {
            found.push(wire.finding(&kind, format!("does not begin with {prefix}_UNSPECIFIED")));
        }
        let strangers = kind.values().filter(|value| !value.name().starts_with(&format!("{prefix}_")));
        found.extend(strangers.map(|value| wire.finding(&value, format!("does not begin with {prefix}_"))));
    }
    found
}

fn comments(wire: &Wire) -> Vec<Finding> {
    fn silent(wire: &Wire, elements: &[impl Element]) -> Vec<Finding> {
        let silent = elements.iter().filter(|element| wire.comment(*element).is_empty());
        silent.map(|element| wire.finding(element, "has no comment")).collect()
    }
    let values: Vec<_> = wire.enums().iter().flat_map(|kind| kind.values().collect::<Vec<_>>()).collect();
    [
        silent(wire, &wire.services()),
        silent(wire, &wire.methods()),
        silent(wire, &wire.messages()),
        silent(wire, &wire.fields()),
        silent(wire, &wire.enums()),
        silent(wire, &values),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Numbers below the greatest that are neither used nor reserved, and numbers reserved without their names.
fn gaps(wire: &Wire) -> Vec<Finding> {
    let judge = |used: Vec<i32>, reserved: BTreeSet<i32>, names: usize| {
        let greatest = used.iter().copied().max().unwrap_or(0);
        let gaps: Vec<i32> =
            (1..greatest).filter(|number| !used.contains(number) && !reserved.contains(number)).collect();
        match () {
            () if !gaps.is_empty() => Some(format!("does not use {gaps:?}, nor reserves it")),
            () if reserved.len() != names => Some(format!("reserves {} numbers and {names} names", reserved.len())),
            () => None,
        }
    };
    let of_message = |message: &MessageDescriptor| {
        let content = message.descriptor_proto();
        // The end of a message's range is not in it; that of an enum's is.
        let reserved = content.reserved_range.iter().flat_map(|range| range.start()..range.end()).collect();
        let used = content.field.iter().map(|field| field.number()).collect();
        Some(wire.finding(message, judge(used, reserved, content.reserved_name.len())?))
    };
    let of_enum = |kind: &EnumDescriptor| {
        let content = kind.enum_descriptor_proto();
        let reserved = content.reserved_range.iter().flat_map(|range| range.start()..=range.end()).collect();
        let used = content.value.iter().map(|value| value.number()).collect();
        Some(wire.finding(kind, judge(used, reserved, content.reserved_name.len())?))
    };
    let messages: Vec<_> = wire.messages().iter().filter_map(of_message).collect();
    messages.into_iter().chain(wire.enums().iter().filter_map(of_enum)).collect()
}

fn floats(wire: &Wire) -> Vec<Finding> {
    let inexact = |field: &&FieldDescriptor| matches!(field.kind(), Kind::Double | Kind::Float);
    wire.fields().iter().filter(inexact).map(|field| wire.finding(field, "is binary floating point")).collect()
}

fn times(wire: &Wire) -> Vec<Finding> {
    let wrong =
        |field: &&FieldDescriptor| is_message(field, "google.protobuf.Timestamp") != field.name().ends_with("_time");
    wire.fields()
        .iter()
        .filter(wrong)
        .map(|field| wire.finding(field, "is not named by whether it is a time"))
        .collect()
}

fn units(wire: &Wire) -> Vec<Finding> {
    let wrong = |field: &FieldDescriptor| {
        let decimal = is_message(field, "google.type.Decimal");
        let integer = matches!(
            field.kind(),
            Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Uint32 | Kind::Uint64
        );
        if !decimal && !integer {
            return None;
        }
        let beside = field.parent_message().get_field_by_name("unit").is_some();
        let name = field.name();
        let has = |unit: &str| name.ends_with(&format!("_{unit}"));
        let words: Vec<&str> = wire.comment(field).split(|c: char| !c.is_alphanumeric()).collect();
        let said = UNITS.iter().find(|(_, spelled)| spelled.iter().any(|word| words.contains(word)));
        match said {
            Some((unit, _)) if !has(unit) => {
                Some(wire.finding(field, format!("is in {unit}, and its name does not say so")))
            }
            None if decimal
                && !beside
                && !RATIOS.iter().any(|end| name.ends_with(end))
                && !UNITS.iter().any(|(u, _)| has(u)) =>
            {
                Some(wire.finding(field, "has no unit"))
            }
            _ => None,
        }
    };
    wire.fields().iter().filter_map(wrong).collect()
}

fn reasons(wire: &Wire) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in wire.services() {
        let kind = wire.pool.get_enum_by_name(&format!("{}.ErrorReason", service.package_name()));
        if !kind.is_some_and(|kind| kind.parent_file().name().ends_with("/error_reason.proto")) {
            found.push(wire.finding(&service, "has no ErrorReason in error_reason.proto"));
        }
    }
    for kind in wire.enums().iter().filter(|kind| kind.name() == "ErrorReason") {
        for value in kind.values().filter(|value| value.number() != 0) {
            let comment = wire.comment(&value);
            let sentences: Vec<&str> = comment.split_inclusive(". ").map(str::trim).collect();
            let remedy = sentences.last().and_then(|sentence| sentence.split([' ', ',']).next()).unwrap_or("");
            if sentences.len() < 2 || !comment.ends_with('.') || !REMEDIES.contains(&remedy) {
                found.push(wire.finding(&value, format!("says no remedy: {comment}")));
            }
        }
    }
    found
}

/// Two files, by the path that they would have.
const BROKEN: &[(&str, &str)] = &[
    (
        "touchstone/broken/v1/broken.proto",
        r#"syntax = "proto3";
package touchstone.broken.v1;
import "google/api/field_behavior.proto";
import "google/protobuf/timestamp.proto";
import "google/type/decimal.proto";

// Its name is neither first nor its identifier.
message Thing {
  // When it was made.
  google.protobuf.Timestamp made = 1 [(google.api.field_behavior) = OUTPUT_ONLY];
  // things/{thing}
  string name = 2 [(google.api.field_behavior) = OUTPUT_ONLY];
  // How much, in percent.
  int64 share = 4 [(google.api.field_behavior) = REQUIRED];
  // How much.
  google.type.Decimal energy = 5;
  // Inexact.
  double mass_kg = 6 [(google.api.field_behavior) = REQUIRED, (google.api.field_behavior) = OPTIONAL];
  string silent = 7 [(google.api.field_behavior) = OPTIONAL];
  reserved 3;
}

// Why not.
enum ErrorReason {
  // Never sent.
  NOTHING = 0;
  // It is broken.
  ERROR_REASON_BROKEN = 1;
  // It is broken. This is no remedy.
  ERROR_REASON_STILL_BROKEN = 3;
  // It is broken. Try again.
  ERROR_REASON_TRY = 4;
}
"#,
    ),
    (
        "touchstone/broken/v1/service.proto",
        r#"syntax = "proto3";
package touchstone.broken.v2;
import "google/api/field_behavior.proto";
import "google/protobuf/empty.proto";
import "touchstone/broken/v1/broken.proto";

// Breaks what a service can break.
service Breaker {
  // Undoes, and says nothing of its retry.
  rpc DeleteThing(google.protobuf.Empty) returns (google.protobuf.Empty);
  // No page.
  rpc ListThings(ListThingsRequest) returns (ListThingsResponse);
  // Streams a resource.
  rpc TakeThings(TakeThingsRequest) returns (stream Piece);
  // What breaks cannot be sent again.
  rpc SendThings(stream SendThingsRequest) returns (ListThingsResponse);
}

// Asks for no page, and takes a request_id.
message ListThingsRequest {
  // Of whom.
  string parent = 1 [(google.api.field_behavior) = OUTPUT_ONLY];
  // UUID4.
  string request_id = 2 [(google.api.field_behavior) = REQUIRED];
}

// Is no page.
message ListThingsResponse {
  // Some.
  repeated Piece pieces = 1 [(google.api.field_behavior) = REQUIRED];
  // More.
  repeated Piece others = 2 [(google.api.field_behavior) = OUTPUT_ONLY];
}

// Does not say how long its id is remembered.
message TakeThingsRequest {
  // UUID4.
  string request_id = 1 [(google.api.field_behavior) = REQUIRED];
}

// Its own, at least.
message SendThingsRequest {}

// Nameless.
message Piece {}
"#,
    ),
];

/// What is wrong with them, in the order of the rules.
const EXPECTED: &str = r#"
service.proto: v2 is another package than its directory
service.proto:8: v2.Breaker stands elsewhere than in broken_service.proto
service.proto:8: v2.Breaker is not called after its package
service.proto:45: v2.Piece stands in the file of the service
service.proto: v2 imports broken.proto
service.proto:10: v2.Breaker.DeleteThing undoes what was recorded
service.proto:10: v2.Breaker.DeleteThing takes google.protobuf.Empty
service.proto:10: v2.Breaker.DeleteThing returns google.protobuf.Empty
service.proto:16: v2.Breaker.SendThings returns v2.ListThingsResponse
service.proto:10: v2.Breaker.DeleteThing changes something, and takes no request_id
service.proto:12: v2.Breaker.ListThings reads, and takes a request_id
service.proto:38: v2.TakeThingsRequest.request_id does not say how long it is remembered
service.proto:16: v2.Breaker.SendThings changes something, and takes no request_id
service.proto:20: v2.ListThingsRequest asks for no page
service.proto:28: v2.ListThingsResponse is no page
service.proto:14: v2.Breaker.TakeThings is not named by whether it streams its answer
service.proto:14: v2.Breaker.TakeThings streams a resource
service.proto:16: v2.Breaker.SendThings streams requests that cannot be sent again
broken.proto:16: v1.Thing.energy has the behaviours []
broken.proto:18: v1.Thing.mass_kg has the behaviours ["REQUIRED", "OPTIONAL"]
service.proto:22: v2.ListThingsRequest.parent has the behaviours ["OUTPUT_ONLY"]
service.proto:30: v2.ListThingsResponse.pieces has the behaviours ["REQUIRED"]
broken.proto:12: v1.Thing.name is not the first field, a string
broken.proto:12: v1.Thing.name is IDENTIFIER in a resource, and there alone
service.proto:22: v2.ListThingsRequest.parent does not begin its comment with a pattern
service.proto:45: v2.Piece is returned as a resource, and has no name
broken.proto:24: v1.ErrorReason does not begin with ERROR_REASON_UNSPECIFIED
broken.proto:26: v1.NOTHING does not begin with ERROR_REASON_
broken.proto:19: v1.Thing.silent has no comment
broken.proto:8: v1.Thing reserves 1 numbers and 0 names
broken.proto:24: v1.ErrorReason does not use [2], nor reserves it
broken.proto:18: v1.Thing.mass_kg is binary floating point
broken.proto:10: v1.Thing.made is not named by whether it is a time
broken.proto:14: v1.Thing.share is in percent, and its name does not say so
broken.proto:16: v1.Thing.energy has no unit
service.proto:8: v2.Breaker has no ErrorReason in error_reason.proto
broken.proto:28: v1.ERROR_REASON_BROKEN says no remedy: It is broken.
broken.proto:30: v1.ERROR_REASON_STILL_BROKEN says no remedy: It is broken. This is no remedy.
"#;
