//! A door: the cores of the machine.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What is made of each job, in order; every core takes the next one that is left.
pub(crate) fn on_every_core<T: Sync, R: Send>(jobs: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let place = next.fetch_add(1, Ordering::Relaxed);
        jobs.get(place).map(|job| (place, work(job)))
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let share = || std::iter::from_fn(take).collect::<Vec<_>>();
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(share)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..1000).collect();
        assert_eq!(on_every_core(&jobs, |job| job * job), jobs.iter().map(|job| job * job).collect::<Vec<_>>());
        assert!(on_every_core(&[] as &[u64], |job| *job).is_empty());
    }
}
