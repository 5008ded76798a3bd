//! Clients in Python, which know nothing of us.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Process, Reader};
use crate::service::Service;

/// What a client is written with.
pub(crate) struct Package {
    pub(crate) module: &'static str,
    /// Names the folder in which it is. Where it is set, tests are not to be skipped.
    pub(crate) variable: &'static str,
}

impl Package {
    /// False, with word of it that the test is skipped, where it is missing.
    pub(crate) fn is_there(&self, test: &str) -> bool {
        let mut import = self.python();
        import.args(["-c", &format!("import {}", self.module)]).stdout(Stdio::null()).stderr(Stdio::null());
        let there = is_set(self.variable) || import.status().is_ok_and(|status| status.success());
        if !there {
            let Self { module, variable } = self;
            eprintln!("skipped: {test} needs python3 with {module}, whose folder may be in {variable}");
        }
        there
    }

    /// Runs the client's command `check`, which has to find everything as it should be.
    pub(crate) fn check<S: AsRef<OsStr>>(&self, client: &str, service: &Service, arguments: &[S]) {
        let mut command = self.python();
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(client));
        command.args(["--url", &service.url, "--service", &service.name, "check"]).args(arguments);
        let mut client = Process::start(command.stdout(Stdio::piped()));
        let output = Reader::start(client.take_stdout().unwrap());
        let (status, errors) = client.wait();
        assert_eq!(status.code(), Some(0), "{}{errors}", output.all());
    }

    /// It leaves nothing behind in the folder of its programs.
    fn python(&self) -> Command {
        let mut python = Command::new("python3");
        python.arg("-B");
        if is_set(self.variable) {
            python.env("PYTHONPATH", std::env::var_os(self.variable).unwrap());
        }
        python
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|folder| !folder.is_empty())
}
