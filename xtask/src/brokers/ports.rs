//! Ports for servers that must come back on the same one after a stop.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the range that systems take ports from for outgoing connections. A port of that range could be taken while the
/// server is down, even by a client that tries to reach it: such an attempt may connect to itself.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// As many ports of loopback that nobody listens on, all different.
pub(super) fn free(count: usize) -> Result<Vec<u16>> {
    // Held until all are found, so that none is found twice.
    let mut found: Vec<(u16, TcpListener)> = Vec::new();
    for _ in 0..10_000 {
        if found.len() == count {
            break;
        }
        let port = fastrand::u16(RANGE);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            found.push((port, listener));
        }
    }
    if found.len() < count {
        bail!("no free ports on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end);
    }
    Ok(found.into_iter().map(|(port, _)| port).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_all_different() {
        let mut ports = free(50).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }
}
