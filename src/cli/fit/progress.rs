//! How far long work has come: one line on a terminal, nothing elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use crate::Stage;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two pictures.
const PAUSE: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: usize = 30;

/// A bar on stderr that is erased when it is dropped.
pub(super) struct Progress {
    is_terminal: bool,
    next: Instant,
    is_shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_terminal: stderr().is_terminal(), next: Instant::now() + PATIENCE, is_shown: false }
    }

    /// Shows what is done, from 0 to 1, if it is time to.
    pub(super) fn show(&mut self, stage: Stage, share: f64) {
        let now = Instant::now();
        if !self.is_terminal || now < self.next {
            return;
        }
        self.next = now + PAUSE;
        self.is_shown = true;
        // A terminal that is gone needs no picture.
        let _ = write!(stderr(), "\r{}", picture(stage, share));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r{}\r", " ".repeat(picture(Stage::Reading, 1.0).chars().count()));
        }
    }
}

/// `fitting  [#######                       ]  23 %`
fn picture(stage: Stage, share: f64) -> String {
    let what = match stage {
        Stage::Reading => "reading",
        Stage::Fitting => "fitting",
    };
    let share = share.clamp(0.0, 1.0);
    let done = (share * CELLS as f64) as usize;
    format!("{what:<8} [{}{}] {:>3.0} %", "#".repeat(done), " ".repeat(CELLS - done), share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_of_one_width() {
        assert_eq!(picture(Stage::Fitting, 0.5), format!("fitting  [{}{}]  50 %", "#".repeat(15), " ".repeat(15)));
        assert_eq!(picture(Stage::Reading, 7.0).chars().count(), picture(Stage::Fitting, f64::NAN).chars().count());
    }
}
