//! When the tunnel closes by itself. Pure: what time it is comes in.

use std::fmt;
use std::time::Duration;

use model::settings::AutoOff;
use model::time::Timestamp;

/// By how much the clock on the wall has to run ahead of this program before the computer is taken to have slept.
const SLEPT: Duration = Duration::from_secs(30);
/// On systems whose other clock runs on in sleep, a program that was not asked for so long is what shows.
const NOT_ASKED: Duration = Duration::from_secs(90);

/// One moment by two clocks: that on the wall, and one that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: Timestamp,
    pub(super) run: Duration,
}

impl Moment {
    /// Whether this computer slept between an earlier one and this.
    pub(super) fn slept_since(self, earlier: Self) -> bool {
        let (wall, run) = (self.wall.since(earlier.wall), self.run.saturating_sub(earlier.run));
        wall.saturating_sub(run) >= SLEPT || run >= NOT_ASKED
    }
}

/// From the moment the tunnel was switched on.
#[derive(Debug)]
pub(super) struct Watch {
    rule: AutoOff,
    opened: Moment,
    last: Moment,
}

/// Why it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    After(Duration),
    Slept,
}

impl Watch {
    pub(super) const fn new(rule: AutoOff, now: Moment) -> Self {
        Self { rule, opened: now, last: now }
    }

    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        match self.rule {
            AutoOff::After(span) => Some(self.opened.wall.plus(span)),
            AutoOff::Never | AutoOff::Sleep => None,
        }
    }

    /// To be asked about every second. A clock that is set back does not keep the tunnel open.
    pub(super) fn look(&mut self, now: Moment) -> Option<Why> {
        let slept = now.slept_since(self.last);
        self.last = now;
        match self.rule {
            AutoOff::Never => None,
            AutoOff::After(span) => {
                let open = now.wall.since(self.opened.wall).max(now.run.saturating_sub(self.opened.run));
                (open >= span).then_some(Why::After(span))
            }
            AutoOff::Sleep => slept.then_some(Why::Slept),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) if span.as_secs() == 3600 => f.write_str("it was open for an hour"),
            Self::After(span) => write!(f, "it was open for {} hours", span.as_secs() / 3600),
            Self::Slept => f.write_str("this computer has slept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn moment(wall: i64, run: u64) -> Moment {
        Moment { wall: Timestamp::from_secs(1_000_000 + wall), run: Duration::from_secs(run) }
    }

    #[test]
    fn after_an_hour_by_either_clock() {
        let mut watch = Watch::new(AutoOff::After(HOUR), moment(0, 0));
        assert_eq!(watch.closes_at(), Some(Timestamp::from_secs(1_003_600)));
        assert_eq!(watch.look(moment(3599, 3599)), None);
        assert_eq!(watch.look(moment(3600, 3600)), Some(Why::After(HOUR)));
        let mut asleep = Watch::new(AutoOff::After(HOUR), moment(0, 0));
        assert_eq!(asleep.look(moment(3700, 10)), Some(Why::After(HOUR)), "it slept most of it");
        let mut set_back = Watch::new(AutoOff::After(HOUR), moment(0, 0));
        assert_eq!(set_back.look(moment(-9000, 3600)), Some(Why::After(HOUR)), "the clock was set back");
    }

    #[test]
    fn once_the_computer_has_slept() {
        let mut watch = Watch::new(AutoOff::Sleep, moment(0, 0));
        assert_eq!(watch.closes_at(), None);
        for second in 1..=100 {
            assert_eq!(watch.look(moment(second, second.unsigned_abs())), None);
        }
        assert_eq!(watch.look(moment(103, 101)), None, "a clock that is set right by a moment");
        assert_eq!(watch.look(moment(50, 102)), None, "or set back");
        assert_eq!(watch.look(moment(1000, 103)), Some(Why::Slept));
        let mut counts_sleep = Watch::new(AutoOff::Sleep, moment(0, 0));
        assert_eq!(
            counts_sleep.look(moment(600, 600)),
            Some(Why::Slept),
            "where both clocks run on in sleep"
        );
    }

    #[test]
    fn never_unless_it_is_asked_for() {
        let mut watch = Watch::new(AutoOff::Never, moment(0, 0));
        assert_eq!(watch.look(moment(10_000_000, 5)), None);
    }
}
