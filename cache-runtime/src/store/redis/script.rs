//! What takes one step in Redis and is more than one command: scripts over a single key, which a
//! cluster runs too.

use ::redis::{Cmd, ErrorKind, RedisError, Script as Hashed, ServerErrorKind, cmd};

/// What ends every script that changes something which others may have in memory: an announcement,
/// unless the channel is empty. Where the user may not publish, everything else is done.
macro_rules! announcing {
    ($channel:literal, $message:literal) => {
        concat!(
            "if ARGV[",
            $channel,
            "] ~= '' then redis.pcall('PUBLISH', ARGV[",
            $channel,
            "], ARGV[",
            $message,
            "]) end "
        )
    };
}

/// Whether `there`, which is a tombstone, was left by the process of the tombstone in `ours`, after it:
/// then what is to be done was given up before, and arrives late. Numbers begin again after 2^32.
macro_rules! is_late {
    () => {
        "local function is_late(there, ours) \
            local number, process = struct.unpack('<I4I4', string.sub(there, 9, 16)) \
            local our_number, us = struct.unpack('<I4I4', string.sub(ours, 9, 16)) \
            local ahead = (number - our_number) % 4294967296 \
            return process == us and ahead > 0 and ahead < 2147483648 \
        end "
    };
}

/// Reads or changes the 16 bytes of a generation. What is no string is none of ours.
const GENERATION: &str = concat!(
    "\
    local known = redis.pcall('GET', KEYS[1]) \
    if type(known) == 'table' then \
        if not string.find(known.err, 'WRONGTYPE', 1, true) then return known end \
        known = '' \
    end \
    if not known or #known ~= 16 or ARGV[1] == 'remove' then known = ARGV[2] .. ARGV[3] \
    elseif ARGV[1] == 'expire' then known = string.sub(known, 1, 8) .. ARGV[3] end \
    redis.call('SET', KEYS[1], known, 'PX', ARGV[4]) ",
    announcing!("5", "6"),
    "return known"
);

/// Sets what takes the place of whatever is there, unless the same process has done something to the
/// key later: this was given up then, and arrives late.
const SET: &str = concat!(
    is_late!(),
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 15) \
    if type(there) == 'string' and #there == 16 and string.sub(there, 1, 4) == 'LRDT' \
        and is_late(there, ARGV[1]) then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) ",
    announcing!("3", "4"),
    "return 1"
);

/// Sets what is no string, too: that is none of ours. Not where it may not be looked at.
const SET_UNLESS_REMOVED: &str = "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 15) \
    if type(there) == 'table' and not string.find(there.err, 'WRONGTYPE', 1, true) then \
        return there \
    end \
    if type(there) == 'string' and #there == 16 and string.sub(there, 1, 4) == 'LRDT' \
        and string.sub(there, 9) ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
    return 1";

/// Not where it was given up and arrives late. Unlinks first: a Redis whose memory is full refuses a
/// script that begins with writing more.
const REMOVE: &str = concat!(
    is_late!(),
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 16) \
    if type(there) ~= 'string' then there = '?' end \
    local tombstone = ARGV[1] \
    local had = #there >= 16 and string.sub(there, 1, 4) == 'LRDT' \
    local is_alone = had and #there == 16 \
    if had and tombstone ~= '' and is_late(there, tombstone) then return 0 end \
    local lifetime = ARGV[2] \
    if is_alone and ARGV[3] ~= '' then lifetime = math.max(redis.call('PTTL', KEYS[1]), 1) end \
    if tombstone == '' and had then tombstone = string.sub(there, 1, 16) end \
    redis.call('UNLINK', KEYS[1]) \
    if tombstone ~= '' then redis.call('SET', KEYS[1], tombstone, 'PX', lifetime) end ",
    announcing!("4", "5"),
    "\
    if there == '' or is_alone then return 0 end \
    return 1"
);

/// A script that Redis is told by its hash, once it knows it.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hashed: Hashed,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let hashed = Hashed::new(text);
        Self { text, hashed }
    }

    /// Over one key, by its hash.
    pub(super) fn call(&self, key: &str) -> Cmd {
        Self::over(key, "EVALSHA", self.hashed.get_hash())
    }

    /// The same, with its text.
    pub(super) fn tell(&self, key: &str) -> Cmd {
        Self::over(key, "EVAL", self.text)
    }

    fn over(key: &str, command: &str, script: &str) -> Cmd {
        let mut command = cmd(command);
        command.arg(script).arg(1).arg(key);
        command
    }

    /// Whether this says that Redis does not know it: it was restarted, or forgot its scripts.
    pub(super) fn is_unknown(error: &RedisError) -> bool {
        error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
    }
}

/// The scripts of a store. Those that announce something end with the arguments channel and message.
#[derive(Debug)]
pub(super) struct Scripts {
    /// `ARGV`: the number of the tombstone that the entry begins with, the entry, milliseconds.
    pub(super) set_unless_removed: Script,
    /// `ARGV`: the entry, milliseconds, and an announcement.
    pub(super) set: Script,
    /// `ARGV`: a tombstone, milliseconds, anything but nothing where a tombstone that is there alone
    /// does not stay for longer, and an announcement. Answers 1 where there was an entry.
    pub(super) remove: Script,
    /// `ARGV`: what is to be done, two numbers, milliseconds, and an announcement.
    pub(super) generation: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            set_unless_removed: Script::new(SET_UNLESS_REMOVED),
            set: Script::new(SET),
            remove: Script::new(REMOVE),
            generation: Script::new(GENERATION),
        }
    }
}
