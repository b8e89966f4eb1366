//! What the programs say of themselves is checked in and compared; what README.md shows of them is tried.
//! `UPDATE_GENERATED=1` writes the help instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The programs that people run, and where their help stands.
const PROGRAMS: &[(&str, &str)] =
    &[("touchctl", "clients/touchctl/help.txt"), ("touchstone", "services/touchstone/help.txt")];

/// What clap ends with when it refuses a command line.
const WRONG_USAGE: i32 = 2;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// Runs a program beside this test's own, which `make test` builds first, in a folder.
fn run(name: &str, args: &[&str], folder: &Path) -> Output {
    let program = integration_tests::processes::program(name).expect("a program");
    // Should clap come to break lines, then at the same place whatever the terminal.
    Command::new(program).args(args).current_dir(folder).env("COLUMNS", "100").output().expect("it runs")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// Help of a command and of all its subcommands, in the order in which they are listed.
fn help(command: &[&str]) -> String {
    let output = run(command[0], &[&command[1..], &["--help"]].concat(), &root());
    assert!(output.status.success(), "{} --help: {output:?}", command.join(" "));
    let shown = text(output.stdout);
    let listed = shown.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let subcommands: Vec<&str> = listed
        // Deeper lines go on with the text of the line before.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let inner = subcommands.iter().map(|name| help(&[command, &[name]].concat()));
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    format!("$ {} --help\n{}\n\n{}", command.join(" "), lines.join("\n"), inner.collect::<String>())
}

#[test]
fn help_is_checked_in() {
    let mut stale = Vec::new();
    for (program, file) in PROGRAMS {
        let path = root().join(file);
        let fresh = format!("{}\n", help(&[program]).trim_end());
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, fresh).expect("written");
        } else if std::fs::read_to_string(&path).ok() != Some(fresh) {
            stale.push(*file);
        }
    }
    assert!(
        stale.is_empty(),
        "not what the programs print: {}; build them, then run this test with UPDATE_GENERATED=1",
        stale.join(", ")
    );
}

/// Blocks of README.md in a language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let begun = readme.split(&fence).skip(1);
    begun.map(|rest| rest.split("\n```").next().expect("a first part").to_owned()).collect()
}

/// Each line runs in a folder of its own where nothing is: its files are missing, which is no wrong usage.
#[test]
fn commands_of_the_readme_are_understood() {
    let (mut tried, mut problems) = (0, Vec::new());
    for block in blocks(&readme(), "sh") {
        for line in block.replace("\\\n", " ").lines() {
            let line = line.split(" #").next().expect("a first part");
            // The shell makes this of `~`; nothing else of a shell stands in these lines.
            let words: Vec<String> = line.split_whitespace().map(|word| word.replacen("~/", "./", 1)).collect();
            let Some((program, args)) = words.split_first() else { continue };
            if !PROGRAMS.iter().any(|(name, _)| name == program) {
                continue;
            }
            tried += 1;
            let folder = tempfile::tempdir().expect("a folder");
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = run(program, &args, folder.path());
            if !matches!(output.status.code(), Some(code) if code != WRONG_USAGE) {
                problems.push(format!("README.md: {}\n{}", line.trim(), text(output.stderr)));
            }
        }
    }
    assert!(tried >= 8, "{tried} commands were found");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Whether a line is as shown: … stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().expect("a first part");
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    match last {
        None | Some("") => last.is_some() || rest.is_empty(),
        Some(part) => line.ends_with(part),
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (shown, line, fit) in [
        ("leaf 9.", "leaf 9.", true),
        ("leaf 9.", "leaf 9. And more", false),
        ("SHA-256 …", "SHA-256 abc", true),
        ("SHA-256 …", "SHA-1 abc", false),
        ("a … b … c", "a 1 b 2 c", true),
        ("a … b … c", "a 1 c 2 b", false),
        ("a … c", "a c d", false),
    ] {
        assert_eq!(fits(shown, line), fit, "{shown} and {line}");
    }
}

/// Lines that follow each other in README.md do so in what the demonstration prints; a line of … alone leaves some out.
#[test]
fn the_readme_shows_what_the_demonstration_prints() {
    let blocks = blocks(&readme(), "text");
    let [shown] = blocks.as_slice() else { panic!("README.md has {} blocks of text, not one", blocks.len()) };
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("touchstone-demo", &["--out", "story"], folder.path());
    assert!(output.status.success(), "touchstone-demo: {}", text(output.stderr));
    let printed = text(output.stdout);
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let (mut at, mut free, mut problems) = (0, false, Vec::new());
    for line in shown.lines() {
        if line == "…" {
            free = true;
            continue;
        }
        let reach = if free { &printed[at..] } else { &printed[at..printed.len().min(at + 1)] };
        match reach.iter().position(|printed| fits(line, printed)) {
            Some(skipped) => at += skipped + 1,
            None => {
                problems.push(format!("{line:?} is not {:?}", printed.get(at).copied().unwrap_or("the end")));
                // As if it stood there: what comes next is looked for from the line after.
                at = printed.len().min(at + 1);
            }
        }
        free = false;
    }
    if !free && at < printed.len() {
        problems.push(format!("{:?} comes after its last line", printed[at]));
    }
    assert!(
        problems.is_empty(),
        "README.md, What you will see, is not what touchstone-demo prints; change it, and write … for what varies\n{}",
        problems.join("\n")
    );
}
