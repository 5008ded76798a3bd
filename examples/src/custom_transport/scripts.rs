//! What Redis has to do in one piece: scripts, each of which looks first who owns an entry.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};

use super::link::Connections;
use super::shared::Shared;
use super::taking::millis;

/// Settles an entry, after it has been copied to another stream with other headers, if there are any.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local stream, target, group, consumer, id, headers = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
        if #redis.call('XPENDING', stream, group, id, id, 1, consumer) == 0 then return 0 end
        if headers then
            local entry = redis.call('XRANGE', stream, id, id)[1]
            if not entry then return 0 end
            local body = ''
            for at = 1, #entry[2], 2 do
                if entry[2][at] == 'body' then body = entry[2][at + 1] end
            end
            redis.call('XADD', target, '*', 'headers', headers, 'body', body)
        end
        redis.call('XACK', stream, group, id)
        redis.call('XDEL', stream, id)
        return 1
        ",
    )
});

/// Makes entries as if they had just been given to us. Returns those that are not ours.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local stream, group, consumer, taken = KEYS[1], ARGV[1], ARGV[2], {}
        for at = 3, #ARGV do
            if #redis.call('XPENDING', stream, group, ARGV[at], ARGV[at], 1, consumer) == 0 then
                table.insert(taken, ARGV[at])
            else
                redis.call('XCLAIM', stream, group, consumer, 0, ARGV[at], 'JUSTID')
            end
        end
        return taken
        ",
    )
});

/// Removes consumers that own nothing: the one of this name, and those that were given nothing for long. To remove one that
/// owns entries would be to lose them; one that lives comes back with the next that it is given.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local stream, group, leaving, idle = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
        for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
            local consumer = {}
            for at = 1, #fields, 2 do consumer[fields[at]] = fields[at + 1] end
            if consumer.pending == 0 and (consumer.name == leaving or consumer.idle > idle) then
                redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer.name)
            end
        end
        ",
    )
});

/// Where a copy of an entry goes, and with which headers.
pub(super) struct Copy<'a> {
    pub(super) to: &'a str,
    pub(super) headers: Vec<u8>,
}

/// Acknowledges and deletes an entry, which was copied before if it has to be. False if it isn't ours.
pub(super) async fn settle(
    Shared { names, consumer, .. }: &Shared,
    connections: &Connections,
    entry: &str,
    copy: Option<Copy<'_>>,
) -> RedisResult<bool> {
    let target = copy.as_ref().map_or(&*names.requests, |copy| copy.to);
    let mut script = SETTLE.key(&names.requests);
    script.key(target).arg(&names.group).arg(consumer).arg(entry);
    if let Some(copy) = &copy {
        script.arg(&copy.headers);
    }
    script.invoke_async(&mut connections.commands.clone()).await
}

/// Renews the leases of these entries. Returns those that aren't ours.
pub(super) async fn renew(
    Shared { names, consumer, .. }: &Shared,
    connections: &Connections,
    entries: impl Iterator<Item = &String>,
) -> RedisResult<BTreeSet<String>> {
    let mut script = RENEW.key(&names.requests);
    script.arg(&names.group).arg(consumer);
    for entry in entries {
        script.arg(entry);
    }
    script.invoke_async(&mut connections.commands.clone()).await
}

/// Removes the consumers that own nothing and were idle for so long; and ourselves, if we leave.
pub(super) async fn forget(
    Shared { names, consumer, .. }: &Shared,
    connections: &Connections,
    leaving: bool,
    idle: Duration,
) -> RedisResult<()> {
    let leaving = if leaving { consumer } else { "" };
    let mut script = FORGET.key(&names.requests);
    script.arg(&names.group).arg(leaving).arg(millis(idle));
    script.invoke_async(&mut connections.commands.clone()).await
}
