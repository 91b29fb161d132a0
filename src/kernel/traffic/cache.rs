//! A cache of pieces, of which the one that was used longest ago goes first.

use std::collections::{BTreeMap, VecDeque};

/// Bytes that a launch moves to and from device memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Read.
    pub read: u64,
    /// Written.
    pub written: u64,
    /// What must move: each piece that is read once, and each that is written.
    pub least: u64,
}

impl Traffic {
    /// Both ways.
    pub const fn moved(&self) -> u64 {
        self.read.saturating_add(self.written)
    }
}

/// The cache, and what has passed it.
#[derive(Clone, Debug)]
pub struct Cache {
    bytes: u64,
    used: u64,
    pieces: BTreeMap<u64, Piece>,
    /// Uses of pieces, the oldest first; only the last use of a piece says anything.
    uses: VecDeque<(u64, u64)>,
    clock: u64,
    traffic: Traffic,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    bytes: u64,
    last_use: u64,
    state: State,
    /// Whether it has ever been read from memory or written, each of which must happen once.
    was_read: bool,
    was_written: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Not in the cache.
    #[default]
    Outside,
    /// As memory has it.
    Read,
    /// To be written when it leaves.
    Written,
}

impl Cache {
    /// An empty one.
    pub fn new(bytes: u64) -> Self {
        let (pieces, uses) = (BTreeMap::new(), VecDeque::new());
        Self { bytes, used: 0, pieces, uses, clock: 0, traffic: Traffic::default() }
    }

    /// A piece is read: it comes from memory, unless it is there.
    pub fn read(&mut self, piece: u64, bytes: u64) {
        let found = self.used_now(piece, bytes);
        if found.state == State::Outside {
            self.traffic.read += bytes;
            // What was written by the same launch need not have moved before.
            if !found.was_read && !found.was_written {
                self.traffic.least += bytes;
            }
        }
        let state = if found.state == State::Outside { State::Read } else { found.state };
        self.put(piece, Piece { was_read: true, ..found }, state);
    }

    /// A piece is written, whole.
    pub fn write(&mut self, piece: u64, bytes: u64) {
        let found = self.used_now(piece, bytes);
        if !found.was_written {
            self.traffic.least += bytes;
        }
        self.put(piece, Piece { was_written: true, ..found }, State::Written);
    }

    /// All that has moved, once the cache is emptied.
    pub fn close(mut self) -> Traffic {
        self.bytes = 0;
        self.shrink();
        self.traffic
    }

    /// The piece as it was, used now.
    fn used_now(&mut self, piece: u64, bytes: u64) -> Piece {
        self.clock += 1;
        let found = self.pieces.get(&piece).copied().unwrap_or_default();
        Piece { bytes, last_use: self.clock, ..found }
    }

    fn put(&mut self, name: u64, piece: Piece, state: State) {
        if piece.state == State::Outside {
            self.used += piece.bytes;
        }
        self.uses.push_back((name, piece.last_use));
        self.pieces.insert(name, Piece { state, ..piece });
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.used > self.bytes {
            let Some((name, at)) = self.uses.pop_front() else { return };
            let Some(piece) = self.pieces.get_mut(&name).filter(|piece| piece.last_use == at) else { continue };
            self.used -= piece.bytes;
            if piece.state == State::Written {
                self.traffic.written += piece.bytes;
            }
            piece.state = State::Outside;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_of_the_oldest_use_goes_first() {
        let mut cache = Cache::new(20);
        cache.read(1, 10);
        cache.write(2, 10);
        cache.read(1, 10);
        // The second goes, and is written.
        cache.read(3, 10);
        cache.read(1, 10);
        assert_eq!((cache.traffic.read, cache.traffic.written), (20, 10));
        cache.read(2, 10);
        let traffic = cache.close();
        assert_eq!(traffic, Traffic { read: 30, written: 10, least: 30 });
    }

    #[test]
    fn what_is_updated_moves_twice() {
        let mut cache = Cache::new(100);
        cache.read(1, 10);
        cache.write(1, 10);
        assert_eq!(cache.close(), Traffic { read: 10, written: 10, least: 20 });
    }
}
