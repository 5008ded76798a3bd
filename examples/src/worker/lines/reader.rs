//! Reading lines, and sending what they hold to the broker.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::thread;

use occamy_core::transport::{Publisher, header};
use tokio::runtime::Handle;

use super::super::complain;
use super::ledger::Ledger;
use super::parse::{Kind, LineError, Parsed, parse};
use super::transport::mark;

/// The longest line in bytes, its end not counted: four times a large body, and far from what would fill a machine.
const MAX_LINE: usize = 64 << 20;

/// Reads until the input or the ledger ends, on a thread of its own: reading may block for ever, and must not keep the
/// process from ending.
pub(super) fn start(
    input: impl BufRead + Send + 'static,
    ledger: Ledger,
    publisher: Arc<dyn Publisher>,
) -> io::Result<()> {
    let reader = Reader { ledger, publisher, runtime: Handle::current(), bad_input: false };
    thread::Builder::new().name("reader".into()).spawn(move || reader.read(input)).map(drop)
}

struct Reader {
    ledger: Ledger,
    publisher: Arc<dyn Publisher>,
    runtime: Handle,
    bad_input: bool,
}

impl Reader {
    fn read(mut self, mut input: impl BufRead) {
        let mut line = Vec::new();
        for number in 1.. {
            let parsed = match next_line(&mut input, &mut line, MAX_LINE) {
                Ok(Next::End) => break,
                Ok(Next::TooLong) => Err(LineError::TooLong(MAX_LINE)),
                Ok(Next::Line) => parse(&line),
                Err(error) => {
                    self.complain(format_args!("standard input can't be read: {error}"));
                    break;
                }
            };
            match parsed {
                Ok(Some(message)) => {
                    if !self.runtime.block_on(self.send(number, message)) {
                        return;
                    }
                }
                Ok(None) => {}
                Err(error) => self.complain(format_args!("line {number}: {error}")),
            }
        }
        self.ledger.input_ended(self.bad_input);
    }

    /// Sends a message as soon as there is room. False if nothing is to be sent any more.
    async fn send(&self, number: u64, message: Parsed) -> bool {
        let Parsed { kind, mut headers, body } = message;
        let nameless = matches!(headers.optional_string(header::TASK_ID), Ok(None | Some("")));
        if kind == Kind::Request && nameless {
            headers.insert(header::TASK_ID, uuid::Uuid::new_v4().to_string());
        }
        let size = headers.size() + body.len();
        if !self.ledger.open(number, size, kind == Kind::Control).await {
            return false;
        }
        mark(&mut headers, number);
        let sent = match kind {
            Kind::Request => self.publisher.request(headers, body).await,
            Kind::Control => self.publisher.control(headers, body).await,
        };
        sent.expect("the broker is in this process, and takes messages of any size");
        true
    }

    fn complain(&mut self, what: fmt::Arguments<'_>) {
        self.bad_input = true;
        complain(what);
    }
}

/// What came next.
#[derive(Debug, PartialEq)]
enum Next {
    Line,
    TooLong,
    End,
}

/// Reads the next line, without its end. One that is too long is passed over, and never held as a whole.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Next> {
    line.clear();
    let most = limit as u64 + 1;
    if input.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(Next::End);
    }
    if line.pop_if(|last| *last == b'\n').is_none() && line.len() > limit {
        input.skip_until(b'\n')?;
        return Ok(Next::TooLong);
    }
    Ok(Next::Line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_should() {
        let mut input: &[u8] = b"one\n\nlong!\n12345\n123456\n\xff\nlast";
        let mut line = Vec::new();
        let mut next = || (next_line(&mut input, &mut line, 5).unwrap(), line.clone());
        assert_eq!(next(), (Next::Line, b"one".into()));
        assert_eq!(next(), (Next::Line, b"".into()));
        assert_eq!(next(), (Next::Line, b"long!".into()));
        assert_eq!(next(), (Next::Line, b"12345".into()));
        assert_eq!(next().0, Next::TooLong);
        assert_eq!(next(), (Next::Line, b"\xff".into()));
        assert_eq!(next(), (Next::Line, b"last".into()));
        assert_eq!(next().0, Next::End);
        assert_eq!(next().0, Next::End);
    }

    #[test]
    fn a_line_that_is_too_long_and_the_last_is_one() {
        let mut input: &[u8] = b"123456789";
        let mut line = Vec::new();
        assert_eq!(next_line(&mut input, &mut line, 5).unwrap(), Next::TooLong);
        assert_eq!(next_line(&mut input, &mut line, 5).unwrap(), Next::End);
    }
}
