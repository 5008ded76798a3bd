//! The program: what a test without a harness calls.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use super::report::{CheckVerdict, Report};
use super::runner::{checks, run};
use super::subject::Subject;
use super::worker;

/// Runs the kit as a program, and returns the code with which it is to exit: the `main` of a test with
/// `harness = false`.
///
/// It understands `--list`, `--seed NUMBER`, and names: checks are run whose name contains one of them, or with `--exact`
/// is one of them. It prints a line for each check. Other options, which test harnesses have, it ignores.
///
/// The kit starts the program again, to kill it: so this has to be called first, and with the same subject.
pub fn main(subject: impl Subject) -> ExitCode {
    let subject: Arc<dyn Subject> = Arc::new(subject);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = worker::run_if_asked(&subject, &arguments) {
        return code;
    }
    let options = Options::parse(arguments);
    if options.list {
        for (check, _) in checks().filter(|(check, _)| options.chooses(check)) {
            print(format_args!("{check}: test"));
        }
        return ExitCode::SUCCESS;
    }
    print(format_args!("conformance of {}, seed {}", subject.name(), options.seed));
    let report = run(
        &subject,
        options.seed,
        |check| options.chooses(check),
        |outcome| {
            print(format_args!("{outcome}"));
        },
    );
    print(format_args!("{}", Summary(&report)));
    if report.outcomes.is_empty() {
        // A name may be that of another test, since cargo tells all of them.
        print(format_args!("no check has such a name: --list tells them"));
    }
    if report.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    list: bool,
    exact: bool,
    seed: u64,
    names: Vec<String>,
}

impl Options {
    fn parse(arguments: Vec<String>) -> Self {
        let mut options = Self { list: false, exact: false, seed: fastrand::u64(..), names: Vec::new() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                "--seed" => {
                    options.seed =
                        arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(options.seed);
                }
                // The options of harnesses that have a value.
                "--test-threads" | "--format" | "--color" | "--skip" | "-Z" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                _ => options.names.push(argument),
            }
        }
        options
    }

    fn chooses(&self, check: &str) -> bool {
        let fits = |name: &String| if self.exact { check == name } else { check.contains(name.as_str()) };
        self.names.is_empty() || self.names.iter().any(fits)
    }
}

struct Summary<'a>(&'a Report);

impl std::fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |of: fn(&CheckVerdict) -> bool| {
            self.0.outcomes.iter().filter(|outcome| of(&outcome.verdict)).count()
        };
        let passed = count(|verdict| matches!(verdict, CheckVerdict::Passed));
        let failed = count(|verdict| matches!(verdict, CheckVerdict::Failed(_)));
        let others = count(|verdict| matches!(verdict, CheckVerdict::NotApplicable(_)));
        write!(f, "{passed} passed, {failed} failed, {others} not applicable")
    }
}

/// A line on the standard output, whoever may have closed that.
fn print(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
