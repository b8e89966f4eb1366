//! The tables of the file: each read closed, with everything that is wrong in it.

use quantity::{Decimal, Gas, KindName, Unit};

use super::read::{Kinds, Reader, Table};
use super::{
    Allocation, Carrier, ElectricityUse, Embedded, EmbeddedFigures, Exchange, ExchangeFactor, FunctionalUnit, Input,
    Limit, LimitFor, LimitRule, MAX_ENTRIES, MAX_PROCESSES, Output, Plant, Precursor, Process, ProcessInput, Product,
    Stream, StreamKind,
};
use crate::footprint::Origin;
use crate::instrument::{MAX_PERIOD_DAYS, Period, Sha256};
use crate::name;

const MASS: Kinds = &[KindName::Mass];
const FUEL: Kinds = &[KindName::Mass, KindName::NormalVolume, KindName::Volume, KindName::Energy];
const CALORIFIC: Kinds = &[KindName::EnergyPerMass, KindName::EnergyPerNormalVolume];
const SHARE: Kinds = &[KindName::Ratio];
const PER_MASS: Kinds = &[KindName::Co2ePerMass];
const PER_FUEL: Kinds =
    &[KindName::Co2ePerEnergy, KindName::Co2ePerMass, KindName::Co2ePerVolume, KindName::Co2ePerNormalVolume];
const PER_ELECTRICITY: Kinds = &[KindName::Co2ePerElectricity];
// Units of electricity are units of energy until the kind is known.
const ENERGY: Kinds = &[KindName::Energy];

impl Reader<'_> {
    pub(super) fn plant(&mut self, root: &Table) -> Option<Plant> {
        self.close(
            root,
            &[
                "method",
                "product_category_rules",
                "site",
                "period",
                "stream",
                "process",
                "exchange",
                "precursor",
                "product",
                "limit",
            ],
        );
        let method = self.string(root, "method");
        let product_category_rules = self.optional_string(root, "product_category_rules");
        let site = self.table(root, "site").and_then(|table| {
            self.close(&table, &["name", "title", "region", "salt"]);
            let name = self.string(&table, "name");
            if let Some(Err(error)) = name.as_deref().map(|name| name::parts(name::SITE, name)) {
                self.refuse(self.offset_of(&table, "name"), table.path("name"), error.to_string());
            }
            let salt = self.optional_string(&table, "salt");
            if salt.as_ref().is_some_and(|salt| salt.len() < 16) {
                let problem = "must have at least 16 characters, drawn at random";
                self.refuse(self.offset_of(&table, "salt"), table.path("salt"), problem);
            }
            let region = self.optional_string(&table, "region");
            Some((name?, self.string(&table, "title")?, region, salt))
        });
        let period = self.table(root, "period").and_then(|table| self.period(&table));
        let streams = self.list(root, "stream", MAX_ENTRIES, Self::stream);
        let processes = self.list(root, "process", MAX_PROCESSES, Self::process);
        let exchanges = self.list(root, "exchange", MAX_ENTRIES, Self::exchange);
        let precursors = self.list(root, "precursor", MAX_ENTRIES, Self::precursor);
        let products = self.list(root, "product", MAX_ENTRIES, Self::product);
        let limit = root.map.contains_key("limit").then(|| self.limit(root)).flatten();
        let (site, site_title, region, salt) = site?;
        let plant = Plant {
            digest: Sha256::of(self.text.as_bytes()),
            method: method?,
            product_category_rules,
            site,
            site_title,
            region,
            period: period?,
            streams,
            processes,
            exchanges,
            precursors,
            products,
            limit,
            salt,
        };
        // References are checked once every entry could be read: otherwise one mistake shows up as two.
        if self.violations.is_empty() {
            self.references(&plant);
        }
        Some(plant)
    }

    fn list<T>(&mut self, root: &Table, key: &str, most: usize, one: fn(&mut Self, &Table) -> Option<T>) -> Vec<T> {
        self.tables(root, key, most).iter().filter_map(|table| one(self, table)).collect()
    }

    fn period(&mut self, table: &Table) -> Option<Period> {
        self.close(table, &["start", "end"]);
        let (start, end) = (self.time(table, "start"), self.time(table, "end"));
        let period = Period { start: start?, end: end? };
        for violation in period.violations() {
            self.refuse(self.offset_of(table, "end"), table.path(&violation.path), violation.problem);
        }
        if period.secs() > MAX_PERIOD_DAYS * 86_400 {
            let problem = format!("a period has at most {MAX_PERIOD_DAYS} days");
            self.refuse(self.offset_of(table, "end"), table.path("end"), problem);
        }
        Some(period)
    }

    fn stream(&mut self, table: &Table) -> Option<Stream> {
        type Method = fn(&mut Reader, &Table) -> Option<StreamKind>;
        const METHODS: &[(&str, (Method, &[&str]))] = &[
            (
                "combustion",
                (
                    |reader, table| reader.combustion(table),
                    &[
                        "activity",
                        "net_calorific_value",
                        "emission_factor",
                        "other_gases",
                        "oxidation_factor",
                        "biomass_share",
                    ],
                ),
            ),
            (
                "process",
                (
                    |reader, table| reader.process_emissions(table),
                    &["activity", "emission_factor", "conversion_factor", "biomass_share"],
                ),
            ),
            (
                "mass-balance",
                (|reader, table| reader.mass_balance(table), &["activity", "carbon_content", "biomass_share"]),
            ),
            ("measured", (|reader, table| reader.measured(table), &["emissions", "biomass_share"])),
            (
                "anode-effects",
                (
                    |reader, table| reader.anode_effects(table),
                    &["production", "coefficient", "intensity", "current_efficiency", "c2f6_ratio"],
                ),
            ),
            ("transport", (|reader, table| reader.transport(table), &["activity", "emission_factor"])),
        ];
        let name = self.string(table, "name");
        let process = self.optional_string(table, "process");
        let (read, keys) = self.word(table, "method", METHODS)?;
        let common = ["name", "process", "method", "origin"];
        self.close(table, &common.iter().chain(keys).copied().collect::<Vec<_>>());
        let kind = read(self, table);
        let origins = [
            ("fossil", Origin::Fossil),
            ("biogenic", Origin::Biogenic),
            ("land-use", Origin::LandUse),
            ("transport", Origin::Transport),
        ];
        let origin = match (table.map.contains_key("origin"), &kind) {
            (true, _) => self.word(table, "origin", &origins)?,
            (false, Some(StreamKind::Transport { .. })) => Origin::Transport,
            (false, _) => Origin::Fossil,
        };
        Some(Stream { name: name?, process, origin, kind: kind? })
    }

    fn combustion(&mut self, table: &Table) -> Option<StreamKind> {
        let activity = self.input(table, "activity", FUEL, false);
        let net_calorific_value = self.optional_input(table, "net_calorific_value", CALORIFIC, false);
        let emission_factor = self.carbon_factor(table, "emission_factor", PER_FUEL);
        let other_gases = self.inputs(table, "other_gases", PER_FUEL);
        let oxidation_factor = self.share(table, "oxidation_factor");
        let biomass_share = self.share(table, "biomass_share");
        let activity = activity?;
        if let Some(kind) = kind_of(&activity) {
            self.fuel_factors(table, kind, net_calorific_value.as_ref(), emission_factor.as_ref(), &other_gases);
        }
        Some(StreamKind::Combustion {
            activity,
            net_calorific_value,
            emission_factor: emission_factor?,
            other_gases,
            oxidation_factor,
            biomass_share,
        })
    }

    /// A factor to CO2, or to CO2e: what another gas is taken for would be wrong by its potential.
    fn carbon_factor(&mut self, table: &Table, key: &str, kinds: Kinds) -> Option<Input> {
        let input = self.input(table, key, kinds, false);
        if let Some(Input::Stated(stated)) = &input
            && let Some(gas) = stated.unit.kind().gas().filter(|gas| *gas != Gas::Co2)
        {
            let (unit, kind) = (stated.unit, stated.unit.kind());
            let expected: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            let expected = expected.join(" or ");
            let problem =
                format!("{unit} measures {kind}, expected {expected}, or CO2; a stream's {gas} goes under other_gases");
            self.refuse(self.offset_of(table, key), format!("{}.unit", table.path(key)), problem);
        }
        input
    }

    /// The factors must be per what the activity and the calorific value give, where the units are known from the file.
    fn fuel_factors(
        &mut self,
        table: &Table,
        activity: KindName,
        calorific: Option<&Input>,
        factor: Option<&Input>,
        others: &[Input],
    ) {
        let key = "net_calorific_value";
        let (path, offset) = (table.path(key), self.offset_of(table, key));
        let wanted = match activity {
            KindName::Mass => Some(KindName::EnergyPerMass),
            KindName::NormalVolume => Some(KindName::EnergyPerNormalVolume),
            _ => None,
        };
        match (calorific, wanted) {
            (Some(_), None) if activity == KindName::Energy => {
                return self.refuse(offset, path, "must be left out: the activity is an energy");
            }
            (Some(_), None) => {
                let problem =
                    format!("has no meaning for a {activity}: state mass or gas volume, or factors per volume");
                return self.refuse(offset, path, problem);
            }
            (Some(Input::Stated(stated)), Some(wanted)) if stated.unit.kind() != wanted => {
                let problem = format!("{} measures {}, expected {wanted}", stated.unit, stated.unit.kind());
                return self.refuse(offset, path, problem);
            }
            _ => {}
        }
        let basis = match activity {
            _ if calorific.is_some() => KindName::Co2ePerEnergy,
            KindName::Mass => KindName::Co2ePerMass,
            KindName::NormalVolume => KindName::Co2ePerNormalVolume,
            KindName::Volume => KindName::Co2ePerVolume,
            _ => KindName::Co2ePerEnergy,
        };
        let listed = others.iter().enumerate().map(|(i, other)| (format!("other_gases[{i}]"), other));
        for (key, factor) in factor.map(|factor| ("emission_factor".to_owned(), factor)).into_iter().chain(listed) {
            let Input::Stated(stated) = factor else { continue };
            let kind = stated.unit.kind();
            if kind != basis && kind.in_co2e() != Some(basis) {
                let remedy = match (kind.in_co2e().unwrap_or(kind), wanted, calorific) {
                    (KindName::Co2ePerEnergy, Some(_), None) => {
                        self.refuse(
                            table.offset,
                            table.path("net_calorific_value"),
                            "is missing: the activity is a mass or volume and the factor is per energy",
                        );
                        continue;
                    }
                    _ => format!("{} measures {kind}, expected {basis}", stated.unit),
                };
                self.refuse(self.offset_of(table, "emission_factor"), table.path(&key), remedy);
            }
            if key.starts_with("other") && matches!(kind.gas(), None | Some(Gas::Co2)) {
                let problem = "must be a factor of another gas than CO2, for example in kgCH4/TJ";
                self.refuse(self.offset_of(table, "other_gases"), table.path(&key), problem);
            }
        }
    }

    fn process_emissions(&mut self, table: &Table) -> Option<StreamKind> {
        let activity = self.input(table, "activity", MASS, false);
        let emission_factor = self.input(table, "emission_factor", PER_MASS, false);
        let conversion_factor = self.optional_input(table, "conversion_factor", SHARE, false);
        let biomass_share = self.share(table, "biomass_share");
        Some(StreamKind::Process {
            activity: activity?,
            emission_factor: emission_factor?,
            conversion_factor,
            biomass_share,
        })
    }

    fn mass_balance(&mut self, table: &Table) -> Option<StreamKind> {
        let activity = self.input(table, "activity", MASS, true);
        let carbon_content = self.input(table, "carbon_content", &[KindName::CarbonPerMass], false);
        let biomass_share = self.share(table, "biomass_share");
        Some(StreamKind::MassBalance { activity: activity?, carbon_content: carbon_content?, biomass_share })
    }

    fn measured(&mut self, table: &Table) -> Option<StreamKind> {
        // What is captured, or handed on with its emissions, is below zero.
        let emissions = self.input(table, "emissions", &[KindName::Co2e], true);
        let biomass_share = self.share(table, "biomass_share");
        Some(StreamKind::Measured { emissions: emissions?, biomass_share })
    }

    fn anode_effects(&mut self, table: &Table) -> Option<StreamKind> {
        const COEFFICIENT: Kinds =
            &[KindName::GasPerMassAnodeEffect(Gas::Cf4), KindName::GasPerMassOvervoltage(Gas::Cf4)];
        let production = self.input(table, "production", MASS, false);
        let coefficient = self.input(table, "coefficient", COEFFICIENT, false);
        let intensity = self.input(table, "intensity", &[KindName::AnodeEffect, KindName::Overvoltage], false);
        let current_efficiency = self.share(table, "current_efficiency");
        let c2f6_ratio = self.input(table, "c2f6_ratio", &[KindName::C2f6PerCf4], false);
        if let (Some(Input::Stated(coefficient)), Some(Input::Stated(intensity))) = (&coefficient, &intensity) {
            let overvoltage = coefficient.unit.kind() == KindName::GasPerMassOvervoltage(Gas::Cf4);
            if overvoltage != (intensity.unit.kind() == KindName::Overvoltage) {
                let problem = "must be what the coefficient is per: minutes per cell and day, or millivolts";
                self.refuse(self.offset_of(table, "intensity"), table.path("intensity"), problem);
            }
        }
        Some(StreamKind::AnodeEffects {
            production: production?,
            coefficient: coefficient?,
            intensity: intensity?,
            current_efficiency,
            c2f6_ratio: c2f6_ratio?,
        })
    }

    fn transport(&mut self, table: &Table) -> Option<StreamKind> {
        let activity = self.input(table, "activity", &[KindName::MassDistance], false);
        let emission_factor = self.input(table, "emission_factor", &[KindName::Co2ePerMassDistance], false);
        Some(StreamKind::Transport { activity: activity?, emission_factor: emission_factor? })
    }

    fn share(&mut self, table: &Table, key: &str) -> Option<Input> {
        let input = self.optional_input(table, key, SHARE, false);
        if let Some(Input::Stated(stated)) = &input {
            let most = if stated.unit == Unit::Percent { 100.0 } else { 1.0 };
            if stated.value.to_f64() > most {
                self.refuse(self.offset_of(table, key), table.path(key), "a share is at most 1 (100 %)");
            }
        }
        input
    }

    fn process(&mut self, table: &Table) -> Option<Process> {
        self.close(
            table,
            &[
                "name",
                "category",
                "production",
                "output",
                "allocation",
                "attributed_emissions",
                "electricity",
                "inputs",
            ],
        );
        let name = self.string(table, "name");
        let category = self.string(table, "category");
        let outputs = self.outputs(table, name.as_deref());
        let attributed_emissions = self.optional_input(table, "attributed_emissions", &[KindName::Co2e], true);
        let electricity = self.electricity(table, ENERGY);
        let inputs = self.process_inputs(table, "inputs");
        let (allocation, outputs) = outputs?;
        Some(Process {
            name: name?,
            category: category?,
            outputs,
            allocation,
            attributed_emissions,
            electricity,
            inputs,
        })
    }

    /// `production` of a process that makes one thing, or its `output` tables with an `allocation`.
    fn outputs(&mut self, table: &Table, name: Option<&str>) -> Option<(Allocation, Vec<Output>)> {
        if !table.map.contains_key("output") {
            if table.map.contains_key("allocation") {
                let problem = "has no meaning for one output; name the outputs in [[process.output]]";
                self.refuse(self.offset_of(table, "allocation"), table.path("allocation"), problem);
            }
            let amount = self.input(table, "production", MASS, false)?;
            return Some((Allocation::Whole, vec![Output { name: name?.to_owned(), amount, weight: None }]));
        }
        if table.map.contains_key("production") {
            let problem = "stands beside outputs; give one or the other";
            self.refuse(self.offset_of(table, "production"), table.path("production"), problem);
        }
        let words = [
            ("mass", Allocation::Mass),
            ("energy", Allocation::Energy),
            ("economic", Allocation::Economic),
            ("stated", Allocation::Stated),
        ];
        let allocation = self.word(table, "allocation", &words)?;
        let weight: Option<(&str, Kinds)> = match allocation {
            Allocation::Whole | Allocation::Mass => None,
            Allocation::Energy => Some(("energy_content", &[KindName::EnergyPerMass])),
            // A price has no kind of its own yet: all of one process are in one currency per tonne.
            Allocation::Economic => Some(("price", SHARE)),
            Allocation::Stated => Some(("share", SHARE)),
        };
        let mut outputs = Vec::new();
        for table in &self.tables(table, "output", MAX_ENTRIES) {
            let keys = ["name", "amount"].into_iter().chain(weight.map(|(key, _)| key));
            self.close(table, &keys.collect::<Vec<_>>());
            let name = self.string(table, "name");
            let amount = self.input(table, "amount", MASS, false);
            let weight = weight.map(|(key, kinds)| self.input(table, key, kinds, false));
            if let (Some(name), Some(amount)) = (name, amount) {
                outputs.push(Output { name, amount, weight: weight.flatten() });
            }
        }
        self.shares(table, allocation, &outputs);
        Some((allocation, outputs))
    }

    fn shares(&mut self, table: &Table, allocation: Allocation, outputs: &[Output]) {
        if allocation != Allocation::Stated {
            return;
        }
        let stated = outputs.iter().map(|output| match &output.weight {
            Some(Input::Stated(stated)) => {
                let shift = if stated.unit == Unit::Percent { -2 } else { 0 };
                stated.value.shifted(shift).ok()
            }
            _ => None,
        });
        let sum = stated.collect::<Option<Vec<Decimal>>>().and_then(|shares| exact_sum(&shares));
        if let Some(sum) = sum
            && sum.to_f64() != 1.0
        {
            let problem = format!("the shares sum to {sum}, not to 1");
            self.refuse(self.offset_of(table, "output"), table.path("output"), problem);
        }
    }

    fn electricity(&mut self, table: &Table, kinds: Kinds) -> Option<ElectricityUse> {
        if !table.map.contains_key("electricity") {
            return None;
        }
        let electricity = self.table(table, "electricity")?;
        self.close(&electricity, &["amount", "factor"]);
        let amount = self.input(&electricity, "amount", kinds, false);
        let factor = self.carbon_factor(&electricity, "factor", PER_ELECTRICITY);
        Some(ElectricityUse { amount: amount?, factor: factor? })
    }

    fn process_inputs(&mut self, table: &Table, key: &str) -> Vec<ProcessInput> {
        let tables = self.tables(table, key, MAX_ENTRIES);
        let mut found: Vec<ProcessInput> = Vec::new();
        for table in &tables {
            self.close(table, &["process", "amount"]);
            let process = self.string(table, "process");
            let amount = self.input(table, "amount", MASS, false);
            if let Some((process, amount)) = process.zip(amount) {
                if found.iter().any(|other| other.process == process) {
                    self.refuse(table.offset, table.path("process"), "stands twice here; add the amounts");
                }
                found.push(ProcessInput { process, amount });
            }
        }
        found
    }

    fn exchange(&mut self, table: &Table) -> Option<Exchange> {
        self.close(table, &["name", "carrier", "from", "to", "amount", "factor", "fuel_factor", "efficiency"]);
        let name = self.string(table, "name");
        let carriers =
            [("heat", Carrier::Heat), ("waste-gas", Carrier::WasteGas), ("electricity", Carrier::Electricity)];
        let carrier = self.word(table, "carrier", &carriers);
        let (from, to) = (self.optional_string(table, "from"), self.optional_string(table, "to"));
        if from == to {
            let problem = "needs from (a process that hands on), to (one that receives), or both, not the same";
            self.refuse(table.offset, table.path.clone(), problem);
        }
        let amount = self.input(table, "amount", ENERGY, false);
        let factor = self.exchange_factor(table, carrier);
        Some(Exchange { name: name?, carrier: carrier?, from, to, amount: amount?, factor: factor? })
    }

    /// The factor; for heat, that of its fuel in its place; for waste gas, nothing where the method has a rule.
    fn exchange_factor(&mut self, table: &Table, carrier: Option<Carrier>) -> Option<ExchangeFactor> {
        const PER_ENERGY: Kinds = &[KindName::Co2ePerEnergy];
        let has = |key| table.map.contains_key(key);
        if carrier == Some(Carrier::Heat) && has("fuel_factor") && !has("factor") {
            let factor = self.input(table, "fuel_factor", PER_ENERGY, false);
            let efficiency = self.share(table, "efficiency");
            return Some(ExchangeFactor::Fuel { factor: factor?, efficiency });
        }
        for key in ["fuel_factor", "efficiency"] {
            if has(key) {
                let problem = "stands with heat whose factor is not given, efficiency with fuel_factor";
                self.refuse(self.offset_of(table, key), table.path(key), problem);
            }
        }
        if carrier == Some(Carrier::WasteGas) && !has("factor") {
            return Some(ExchangeFactor::Method);
        }
        let factors = if carrier == Some(Carrier::Electricity) { PER_ELECTRICITY } else { PER_ENERGY };
        self.input(table, "factor", factors, false).map(ExchangeFactor::Given)
    }

    fn precursor(&mut self, table: &Table) -> Option<Precursor> {
        let figures = ["see_direct", "see_indirect", "electricity"];
        let common = ["name", "category", "cn_code", "uses"];
        let by =
            ["certificate", "statement", "default", "scrap"].into_iter().filter(|key| table.map.contains_key(*key));
        let embedded = match by.collect::<Vec<_>>()[..] {
            [] => {
                self.close(table, &[&common[..], &figures[..]].concat());
                self.embedded_figures(table)
            }
            [key] => {
                self.close(table, &[&common[..], &[key]].concat());
                match key {
                    "certificate" => self.string(table, key).map(|id| Embedded::Certificate { id }),
                    "statement" => self.sha256(table, key).map(|sha256| Embedded::Statement { sha256 }),
                    "default" => self.default_value(table),
                    _ => self.scrap(table),
                }
            }
            _ => {
                let problem = "give one of certificate, statement, default, scrap, or the figures";
                self.refuse(table.offset, table.path.clone(), problem);
                None
            }
        };
        let name = self.string(table, "name");
        let category = self.string(table, "category");
        let uses = self.process_inputs(table, "uses");
        let cn_code = if table.map.contains_key("cn_code") { self.cn_code(table) } else { None };
        Some(Precursor { name: name?, category: category?, cn_code, embedded: embedded?, uses })
    }

    fn embedded_figures(&mut self, table: &Table) -> Option<Embedded> {
        let direct = self.input(table, "see_direct", PER_MASS, false);
        let electricity = self.electricity(table, &[KindName::ElectricityPerMass]);
        let indirect = self.optional_input(table, "see_indirect", PER_MASS, false);
        Some(Embedded::Figures(Box::new(EmbeddedFigures { direct: direct?, electricity, indirect })))
    }

    fn sha256(&mut self, table: &Table, key: &str) -> Option<Sha256> {
        let digest = self.string(table, key)?.parse();
        if digest.is_err() {
            let problem = "must be the SHA-256 of the statement's bytes, 64 hexadecimal digits";
            self.refuse(self.offset_of(table, key), table.path(key), problem);
        }
        digest.ok()
    }

    fn default_value(&mut self, table: &Table) -> Option<Embedded> {
        let default = self.table(table, "default")?;
        self.close(&default, &["cn_code", "country", "variant"]);
        let cn_code = self.string(&default, "cn_code");
        let country = self.string(&default, "country");
        let variant = self.optional_string(&default, "variant");
        Some(Embedded::Default { cn_code: cn_code?, country: country?, variant })
    }

    fn scrap(&mut self, table: &Table) -> Option<Embedded> {
        let scrap = table.map.get("scrap").and_then(|value| value.get_ref().as_bool());
        if scrap != Some(true) {
            self.refuse(self.offset_of(table, "scrap"), table.path("scrap"), "must be true, or left out");
        }
        Some(Embedded::Scrap)
    }

    fn product(&mut self, table: &Table) -> Option<Product> {
        self.close(table, &["name", "cn_code", "process", "functional_unit", "content"]);
        let name = self.string(table, "name");
        let cn_code = self.cn_code(table);
        let process = self.string(table, "process");
        let words = FunctionalUnit::ALL.map(|unit| (unit.name(), unit));
        let functional_unit = self.word(table, "functional_unit", &words);
        let content = self.share(table, "content");
        if functional_unit.is_some_and(|unit| (unit == FunctionalUnit::Tonne) == table.map.contains_key("content")) {
            let problem = "is the share of clinker or nitrogen in the goods: it stands with a functional unit of one of \
                           them, and only there";
            self.refuse(table.offset, table.path("content"), problem);
        }
        Some(Product { name: name?, cn_code: cn_code?, process: process?, functional_unit: functional_unit?, content })
    }

    fn cn_code(&mut self, table: &Table) -> Option<String> {
        let code = self.string(table, "cn_code")?;
        if code.len() != 8 || code.bytes().any(|b| !b.is_ascii_digit()) {
            self.refuse(self.offset_of(table, "cn_code"), table.path("cn_code"), "must have eight digits, in quotes");
        }
        Some(code)
    }

    fn limit(&mut self, root: &Table) -> Option<Limit> {
        let table = self.table(root, "limit")?;
        self.close(&table, &["result", "value", "unit", "rule", "guard_multiple", "source"]);
        let result = self.word(&table, "result", &[("direct", LimitFor::Direct), ("total", LimitFor::Total)]);
        let value = self.positive(&table, "value");
        let unit = self.unit(&table, "unit", PER_MASS);
        let rule = match self.word(&table, "rule", &[("simple", false), ("guarded", true)]) {
            Some(false) => {
                if table.map.contains_key("guard_multiple") {
                    let problem = "has no meaning with rule \"simple\"";
                    self.refuse(self.offset_of(&table, "guard_multiple"), table.path("guard_multiple"), problem);
                }
                Some(LimitRule::Simple)
            }
            Some(true) => self.positive(&table, "guard_multiple").map(|multiple| LimitRule::Guarded { multiple }),
            None => None,
        };
        let source = self.string(&table, "source");
        Some(Limit { result: result?, value: value?, unit: unit?, rule: rule?, source: source? })
    }

    /// The inputs of an array; absent means none.
    fn inputs(&mut self, table: &Table, key: &str, kinds: Kinds) -> Vec<Input> {
        let entries = self.tables(table, key, MAX_ENTRIES);
        entries.iter().filter_map(|entry| self.input_of(entry, kinds, false)).collect()
    }
}

/// The kind of an activity, where the file tells it.
fn kind_of(activity: &Input) -> Option<KindName> {
    match activity {
        Input::Stated(stated) => Some(stated.unit.kind()),
        Input::Material { .. } => Some(KindName::Mass),
        Input::Instrument { .. } | Input::Analyses { .. } | Input::Factor(_) => None,
    }
}

/// Decimals added as they stand, so that 0.1 + 0.2 + 0.7 is one.
fn exact_sum(values: &[Decimal]) -> Option<Decimal> {
    let least = values.iter().map(|value| value.scaled().1).min()?;
    let sum = values.iter().try_fold(0_i128, |sum, value| {
        let (mantissa, exponent) = value.scaled();
        let shift = u32::try_from(exponent.checked_sub(least)?).ok()?;
        sum.checked_add(mantissa.checked_mul(10_i128.checked_pow(shift)?)?)
    })?;
    Decimal::from_scaled(sum, least).ok()
}
