//! A walk over all keys of one server, which leaves it time for everybody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::cmd;

use super::link::{Link, Served};
use crate::store::StoreError;

/// Keys that one step looks at.
const STEP: usize = 1000;

/// What one step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Dropping it ends it; the server keeps nothing for it.
pub(super) struct Walk {
    link: Arc<Link>,
    glob: String,
    /// Where to go on; `None` at the end.
    cursor: Option<u64>,
    /// Who gave the cursor: to any other server it means nothing.
    served: Option<Served>,
    /// When the last step began.
    last: Option<Instant>,
}

impl Walk {
    /// Over the keys that begin with `prefix` and go on as the glob `pattern` says.
    pub(super) fn over(link: Arc<Link>, prefix: &str, pattern: &str) -> Self {
        Self {
            link,
            glob: format!("{}{pattern}", escape_glob(prefix)),
            cursor: Some(0),
            served: None,
            last: None,
        }
    }

    /// One step, which shows some keys twice: keys as long as there is something left, and nothing
    /// after that. Where the connection is another one than before, it begins anew: the server may be
    /// another one too.
    ///
    /// Before the next one as much time passes as the last one took, with what was done about its keys:
    /// so the server has half of its time for others.
    pub(super) async fn step(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(mut cursor) = self.cursor else {
            return Ok(None);
        };
        if let Some(last) = self.last {
            tokio::time::sleep(last.elapsed()).await;
        }
        self.last = Some(Instant::now());
        if !self.is_same() {
            cursor = 0;
            self.served = self.link.served();
        }
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(&self.glob)
            .arg("COUNT")
            .arg(STEP);
        let answer = tokio::time::timeout(PATIENCE, self.link.ask(&scan)).await;
        let answer = answer.map_err(|_elapsed| StoreError::TimedOut(PATIENCE))?;
        let (next, keys): (u64, Vec<Vec<u8>>) = answer?;
        self.cursor = if self.is_same() {
            (next != 0).then_some(next)
        } else {
            Some(0)
        };
        // Keys that are no text are none of ours.
        let keys = keys
            .into_iter()
            .filter_map(|key| String::from_utf8(key).ok());
        Ok(Some(keys.collect()))
    }

    fn is_same(&self) -> bool {
        self.served.as_ref().is_some_and(Served::is_still)
    }
}

/// The literal text as a glob that matches only it.
fn escape_glob(literal: &str) -> String {
    let mut escaped = String::with_capacity(literal.len());
    for character in literal.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
