//! Look-ups of callers that ask at the same time, sent together: a command for each, but one message
//! to the connection, one write and one wake-up for all.
//!
//! Nobody waits for company. Who finds the connection idle asks by itself, at once; who does not has
//! its command sent as soon as those have run who were ready at that moment, so that they can add
//! theirs. What is sent then is sent by a task of its own: a caller that is dropped or slow holds up
//! nobody.

use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::{Cmd, Pipeline};
use futures_util::future::{Either, select};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::link::Link;
use crate::store::StoreError;

/// So many are sent together at most: the first of them is answered when the last one is.
const TOGETHER: usize = 32;

type Answer = Result<Vec<u8>, StoreError>;

/// The look-ups over one connection.
#[derive(Debug)]
pub(super) struct LookUps {
    link: Arc<Link>,
    desk: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    /// To be sent together. Where there are some, a task is about to take them.
    waiting: Vec<LookUp>,
    /// Of that task.
    runtime: Option<Id>,
    /// Messages that were sent and are not answered.
    under_way: usize,
}

#[derive(Debug)]
struct LookUp {
    command: Cmd,
    answer: oneshot::Sender<Answer>,
}

/// What a caller has to do about its look-up.
enum Part {
    /// It asks by itself.
    Alone(Cmd, UnderWay),
    /// It is the first to wait, and has somebody take what waits.
    First(oneshot::Receiver<Answer>),
    /// It is the last to wait, and has these sent.
    Last(oneshot::Receiver<Answer>, Together),
    Other(oneshot::Receiver<Answer>),
}

impl LookUps {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            desk: Mutex::default(),
        }
    }

    /// The answer to one command.
    ///
    /// May be dropped at any time: a command that is not sent by then is not sent at all.
    pub(super) async fn ask(self: &Arc<Self>, command: Cmd) -> Answer {
        let Ok(runtime) = Handle::try_current() else {
            return Err(StoreError::Away("no tokio runtime".to_owned()));
        };
        // Spawned when nothing is locked: a runtime that ends drops it at once.
        let answer = match self.take_part(command, runtime.id()) {
            Part::Alone(command, _under_way) => {
                // In a box: it is long, and every look-up would be.
                let answer = Box::pin(self.link.ask(&command)).await;
                return answer.map_err(StoreError::from);
            }
            Part::First(answer) => {
                runtime.spawn(Gatherer(Some(self.clone())).gather());
                answer
            }
            Part::Last(answer, together) => {
                runtime.spawn(together.send());
                answer
            }
            Part::Other(answer) => answer,
        };
        let lost = || StoreError::Away("lost with the look-ups beside it".to_owned());
        answer.await.unwrap_or_else(|_dropped| Err(lost()))
    }

    fn take_part(self: &Arc<Self>, command: Cmd, runtime: Id) -> Part {
        let mut desk = self.lock();
        let asks_alone = if desk.waiting.is_empty() {
            desk.under_way == 0
        } else {
            // Another runtime may stand still.
            desk.runtime != Some(runtime)
        };
        if asks_alone {
            return Part::Alone(command, self.begin(&mut desk));
        }
        desk.runtime = Some(runtime);
        let (answer, receiver) = oneshot::channel();
        desk.waiting.push(LookUp { command, answer });
        match desk.waiting.len() {
            1 => Part::First(receiver),
            TOGETHER => Part::Last(receiver, self.take(&mut desk)),
            _ => Part::Other(receiver),
        }
    }

    fn take(self: &Arc<Self>, desk: &mut Desk) -> Together {
        Together {
            look_ups: take(&mut desk.waiting),
            under_way: self.begin(desk),
        }
    }

    fn begin(self: &Arc<Self>, desk: &mut Desk) -> UnderWay {
        desk.under_way += 1;
        UnderWay(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that was sent, until it is answered or nobody waits for the answer.
struct UnderWay(Arc<LookUps>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
    }
}

/// Who is going to take what waits, until that is taken. Dropped before, as its runtime ends, it gives
/// that up: nobody else would take it.
struct Gatherer(Option<Arc<LookUps>>);

impl Gatherer {
    async fn gather(mut self) {
        // After those that are ready now.
        yield_now().await;
        if let Some(look_ups) = self.0.take() {
            let together = look_ups.take(&mut look_ups.lock());
            together.send().await;
        }
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        if let Some(look_ups) = &self.0 {
            // Let go of when nothing is locked.
            let _waiting = take(&mut look_ups.lock().waiting);
        }
    }
}

/// Look-ups that are sent together.
struct Together {
    look_ups: Vec<LookUp>,
    under_way: UnderWay,
}

impl Together {
    async fn send(self) {
        let Self {
            look_ups,
            under_way,
        } = self;
        let LookUps { link, .. } = &*under_way.0;
        let mut commands = Pipeline::with_capacity(look_ups.len());
        let mut answers = Vec::with_capacity(look_ups.len());
        for LookUp { command, answer } in look_ups {
            if !answer.is_closed() {
                commands.add_command(command);
                answers.push(answer);
            }
        }
        if answers.is_empty() {
            return;
        }
        let replies = pin!(link.ask_together(&commands, answers.len()));
        let all_have_gone = async {
            for answer in &mut answers {
                answer.closed().await;
            }
        };
        let replies = match select(replies, pin!(all_have_gone)).await {
            Either::Left((replies, _)) => replies,
            Either::Right(_) => return,
        };
        // Without any, each caller fails for itself.
        for (reply, answer) in replies.into_iter().flatten().zip(answers) {
            // Its caller may have gone.
            let _ = answer.send(reply.map_err(StoreError::from));
        }
    }
}
