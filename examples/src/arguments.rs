//! Reading the arguments of a program, without ever showing a password that is among them.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use occamy_core::transport::redact_url;

/// Reads the arguments of a program, its own name first.
///
/// # Errors
///
/// If they make no sense, or ask for help. The error shows no password.
pub fn read<Options: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, clap::Error> {
    Options::try_parse_from(arguments).map_err(|mut error| {
        for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
            if let Some(ContextValue::String(shown)) = error.get(kind) {
                let shown = ContextValue::String(redact_url(shown));
                error.insert(kind, shown);
            }
        }
        error
    })
}

/// A name that is not empty.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("expected a name") } else { Ok(text.to_owned()) }
}
