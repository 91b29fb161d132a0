//! What kernels are held to at every size, on every core.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The shapes: width, depth, MLP size and heads.
pub(crate) const SHAPES: [[u64; 4]; 6] = [
    [192, 12, 768, 3],
    [384, 12, 1536, 6],
    [880, 18, 2320, 16],
    [896, 18, 2304, 14],
    [1152, 27, 4304, 16],
    [1408, 40, 6144, 16],
];

/// Does all the work on every core, and says what of it went wrong.
pub(crate) fn on_every_core<T: Sync>(jobs: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let share = || {
        let mut found = Vec::new();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(work(job).err());
        }
        found
    };
    let found: Vec<String> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(share)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "{} of {} are wrong\n{}", found.len(), jobs.len(), found.join("\n"));
}
