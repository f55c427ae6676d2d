//! Server-sent events, as far as language models use them: lines, `data:` and comments.

use std::fmt;

/// No event is longer, in bytes: what never ends is not waited for.
const LONGEST_EVENT: usize = 1 << 20;

/// The bytes of a body in, the data of its events out.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// What is no line yet, from `begun` on.
    bytes: Vec<u8>,
    begun: usize,
    /// So far there is no end of a line.
    searched: usize,
    /// The lines of `data:` of the event that is not over yet.
    data: Option<String>,
    /// The line before has ended with a carriage return: a line feed belongs to it.
    after_return: bool,
}

/// No event: it is not UTF-8, or longer than a megabyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no server-sent event")
    }
}

impl Events {
    /// Takes some bytes more, cut off anywhere: in the middle of a line or of a character.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.begun);
        self.searched -= self.begun;
        self.begun = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The data of the next event; `None` until there are more bytes.
    pub(crate) fn next(&mut self) -> Result<Option<String>, Malformed> {
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if let Some(data) = self.data.take() {
                    return Ok(Some(data));
                }
            } else if let Some(more) = data_of(&line) {
                let data = match self.data.take() {
                    Some(data) => data + "\n" + more,
                    None => more.to_owned(),
                };
                if data.len() > LONGEST_EVENT {
                    return Err(Malformed);
                }
                self.data = Some(data);
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<Option<String>, Malformed> {
        if self.after_return && self.begun < self.bytes.len() {
            self.after_return = false;
            if self.bytes[self.begun] == b'\n' {
                self.begun += 1;
            }
            self.searched = self.searched.max(self.begun);
        }
        let rest = &self.bytes[self.searched..];
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            self.searched = self.bytes.len();
            let is_too_long = self.searched - self.begun > LONGEST_EVENT;
            return if is_too_long {
                Err(Malformed)
            } else {
                Ok(None)
            };
        };
        let end = self.searched + at;
        self.after_return = self.bytes[end] == b'\r';
        let line = self.bytes[self.begun..end].to_vec();
        self.begun = end + 1;
        self.searched = self.begun;
        String::from_utf8(line).map(Some).map_err(|_| Malformed)
    }
}

/// What a line says of the data; `None` for comments and for fields that are not asked about.
fn data_of(line: &str) -> Option<&str> {
    let (field, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    (field.trim_start_matches('\u{feff}') == "data").then_some(value)
}
