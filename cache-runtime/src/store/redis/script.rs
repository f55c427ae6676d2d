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

/// Tells what `there` holds, the beginning of what is under a key: a tombstone, then a claim, then an
/// entry, each of which may be missing. `place` is that of the claim, less one.
macro_rules! parts {
    () => {
        "local tombstone = '' \
        if #there >= 16 and string.sub(there, 1, 4) == 'LRDT' then \
            tombstone = string.sub(there, 1, 16) \
        end \
        local place = #tombstone \
        local is_claimed = #there >= place + 48 \
            and string.sub(there, place + 1, place + 4) == 'LRDC' \
        local has_entry = #there > place + (is_claimed and 48 or 0) "
    };
}

/// Milliseconds by the clock of Redis.
macro_rules! now {
    () => {
        "local time = redis.call('TIME') \
        local now = time[1] * 1000 + math.floor(time[2] / 1000) "
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
const SET_UNLESS_REMOVED: &str = concat!(
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 15) \
    if type(there) == 'table' and not string.find(there.err, 'WRONGTYPE', 1, true) then \
        return there \
    end \
    if type(there) == 'string' and #there == 16 and string.sub(there, 1, 4) == 'LRDT' \
        and string.sub(there, 9) ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) ",
    announcing!("4", "5"),
    "return 1"
);

/// Not where it was given up and arrives late. Unlinks first: a Redis whose memory is full refuses a
/// script that begins with writing more.
const REMOVE: &str = concat!(
    is_late!(),
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 64) \
    if type(there) ~= 'string' then there = '?' end ",
    parts!(),
    "\
    local left = ARGV[1] \
    local had = tombstone ~= '' \
    if had and left ~= '' and is_late(there, left) then return 0 end \
    local lifetime = ARGV[2] \
    if had and not has_entry and ARGV[3] ~= '' then \
        lifetime = math.max(redis.call('PTTL', KEYS[1]), 1) \
    end \
    if left == '' then left = tombstone end \
    redis.call('UNLINK', KEYS[1]) \
    if left ~= '' then redis.call('SET', KEYS[1], left, 'PX', lifetime) end ",
    announcing!("4", "5"),
    "return has_entry and 1 or 0"
);

/// Unless one of another process holds, for the same generations and for no longer than a lease lasts:
/// that would be a clock that was set back. An entry stays, and what is no string does not: that is
/// none of ours.
const CLAIM: &str = concat!(
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 64) \
    if type(there) == 'table' then \
        if not string.find(there.err, 'WRONGTYPE', 1, true) then return there end \
        there = '' \
    end ",
    parts!(),
    now!(),
    "\
    local lease = tonumber(ARGV[3]) \
    if is_claimed and string.sub(there, place + 33, place + 48) == ARGV[2] \
        and string.sub(there, place + 17, place + 24) ~= string.sub(ARGV[1], 1, 8) then \
        local left = struct.unpack('<I8', there, place + 9) - now \
        if left > 0 and left <= lease then return {left, '', 0} end \
    end \
    local claim = 'LRDC\\1\\0\\0\\0' .. struct.pack('<I8', now + lease) .. ARGV[1] .. ARGV[2] \
    if is_claimed and has_entry then \
        redis.call('SETRANGE', KEYS[1], place, claim) \
    else \
        local entry = '' \
        if has_entry then entry = string.sub(redis.call('GET', KEYS[1]), place + 1) end \
        local lifetime = math.max(redis.call('PTTL', KEYS[1]), lease) \
        redis.call('SET', KEYS[1], tombstone .. claim .. entry, 'PX', lifetime) \
    end \
    return {0, tombstone, has_entry and 1 or 0}"
);

/// Has a claim hold for longer, or not any more. Nothing is announced where there is another one: who
/// waits, waits for that. Where Redis is full it cannot be changed, and its end is announced all the same.
const HOLD: &str = concat!(
    "\
    local there = redis.pcall('GETRANGE', KEYS[1], 0, 64) \
    if type(there) ~= 'string' then there = '' end ",
    parts!(),
    now!(),
    "\
    local is_ours = is_claimed and string.sub(there, place + 17, place + 32) == ARGV[1] \
    local lease = tonumber(ARGV[2]) \
    local ends = struct.pack('<I8', lease > 0 and now + lease or 0) \
    local left = math.max(redis.call('PTTL', KEYS[1]), lease, 1) \
    if is_ours and has_entry then \
        redis.pcall('SETRANGE', KEYS[1], place + 8, ends) \
    elseif is_ours and lease > 0 then \
        local before = string.sub(there, 1, place + 8) \
        redis.pcall('SET', KEYS[1], before .. ends .. string.sub(there, place + 17), 'PX', left) \
    elseif is_ours and tombstone ~= '' then \
        redis.pcall('SET', KEYS[1], tombstone, 'PX', left) \
    elseif is_ours then \
        redis.call('UNLINK', KEYS[1]) \
    end \
    if is_claimed and not is_ours then return 0 end ",
    announcing!("3", "4"),
    "return is_ours and 1 or 0"
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
    /// `ARGV`: the number of the tombstone that the entry begins with, the entry, milliseconds, and
    /// an announcement.
    pub(super) set_unless_removed: Script,
    /// `ARGV`: the entry, milliseconds, and an announcement.
    pub(super) set: Script,
    /// `ARGV`: a tombstone, milliseconds, anything but nothing where a tombstone that is there alone
    /// does not stay for longer, and an announcement. Answers 1 where there was an entry.
    pub(super) remove: Script,
    /// `ARGV`: what is to be done, two numbers, milliseconds, and an announcement.
    pub(super) generation: Script,
    /// `ARGV`: the owner, generations, milliseconds. Answers milliseconds for which another claim holds;
    /// or 0, a tombstone, and 1 where there is an entry.
    pub(super) claim: Script,
    /// `ARGV`: the owner, milliseconds or 0, and an announcement. Answers 1 where the claim is there.
    pub(super) hold: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            set_unless_removed: Script::new(SET_UNLESS_REMOVED),
            set: Script::new(SET),
            remove: Script::new(REMOVE),
            generation: Script::new(GENERATION),
            claim: Script::new(CLAIM),
            hold: Script::new(HOLD),
        }
    }
}
