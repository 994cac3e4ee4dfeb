//! The places of a listener's connections: a bounded number, and none is held by silence.
//!
//! When all are taken and somebody comes, one that nothing is done for has to go. Who has just come gets time to ask: it
//! goes first only once that time is over, or where those that have not asked yet hold more than half of the places. Else
//! one goes that is silent since its last answer, or has not taken its answer yet, and only where all others are at work
//! a newcomer; of its kind always the one for which that has been so for longest. So connections that say nothing, before
//! their first request or after it, keep nobody from asking, unless half as many as there are places come after it in
//! that time. Only where work is done for every connection does one wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The places of one listener.
pub(super) struct Places {
    most: usize,
    /// How long a connection may take to ask before it is as silent as any.
    time_to_ask: Duration,
    state: Mutex<State>,
    /// A connection has ended, or has no request under way any more.
    freed: Notify,
}

#[derive(Default)]
struct State {
    taken: HashMap<u64, Taken>,
    /// Counts connections, and the moments at which they fell silent.
    moments: u64,
}

/// What is known of a connection.
struct Taken {
    /// Requests that are worked on.
    requests: usize,
    /// Answers that the library has not taken whole.
    leaving: usize,
    has_asked: bool,
    silent_since: Instant,
    /// The same, for an order without ties.
    fell_silent: u64,
    has_to_go: Arc<Notify>,
}

/// One connection's place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    has_to_go: Arc<Notify>,
}

/// A request under way, until the library has taken the last of its answer; bytes of it may still wait to be sent.
pub(super) struct UnderWay {
    place: Arc<Place>,
    answered: bool,
}

impl Places {
    pub(super) fn new(most: usize, time_to_ask: Duration) -> Arc<Self> {
        Arc::new(Self { most, time_to_ask, state: Mutex::default(), freed: Notify::new() })
    }

    /// Takes a place for a connection that is there, at the cost of a silent one if it must be.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Place> {
        loop {
            match self.try_take() {
                Some(place) => return Arc::new(place),
                // Only the acceptor waits here, and a notice that nobody waits for is kept.
                None => self.freed.notified().await,
            }
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.taken.len() >= self.most {
            let most_dispensable = state.most_dispensable(self.most, self.time_to_ask)?;
            // Its place is free from here on: it ends as soon as it hears of it.
            state.taken.remove(&most_dispensable)?.has_to_go.notify_one();
        }
        let number = state.moment();
        let has_to_go = Arc::<Notify>::default();
        let taken = Taken {
            requests: 0,
            leaving: 0,
            has_asked: false,
            silent_since: Instant::now(),
            fell_silent: number,
            has_to_go: Arc::clone(&has_to_go),
        };
        state.taken.insert(number, taken);
        Some(Place { places: Arc::clone(self), number, has_to_go })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can stop half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    fn most_dispensable(&self, most: usize, time_to_ask: Duration) -> Option<u64> {
        let newcomers = self.taken.values().filter(|taken| !taken.has_asked).count();
        let crowded = newcomers > most / 2;
        let rank = |taken: &Taken| match taken {
            Taken { has_asked: false, .. } if crowded || taken.silent_since.elapsed() >= time_to_ask => 0,
            Taken { has_asked: false, .. } => 3,
            Taken { leaving: 0, .. } => 1,
            _ => 2,
        };
        let idle = self.taken.iter().filter(|(_, taken)| taken.requests == 0);
        idle.min_by_key(|(_, taken)| (rank(taken), taken.fell_silent)).map(|(number, _)| *number)
    }
}

impl Place {
    /// Returns when the connection has to go, for another's sake.
    pub(super) async fn has_to_go(&self) {
        self.has_to_go.notified().await;
    }

    /// Whether there ever was a request.
    pub(super) fn has_asked(&self) -> bool {
        self.places.state().taken.get(&self.number).is_some_and(|taken| taken.has_asked)
    }

    /// Returns once there was no request, and no answer left to take, for `time`; or when the place is gone.
    pub(super) async fn is_silent_for(&self, time: Duration) {
        while let Some(left) = self.silence_left(time) {
            sleep(left).await;
        }
    }

    /// How long it is until that could be so.
    fn silence_left(&self, time: Duration) -> Option<Duration> {
        let state = self.places.state();
        let taken = state.taken.get(&self.number)?;
        if taken.requests + taken.leaving > 0 {
            return Some(time);
        }
        time.checked_sub(taken.silent_since.elapsed()).filter(|left| !left.is_zero())
    }

    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        if let Some(taken) = self.places.state().taken.get_mut(&self.number) {
            taken.requests += 1;
            taken.has_asked = true;
        }
        UnderWay { place: Arc::clone(self), answered: false }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.places.state().taken.remove(&self.number).is_some() {
            self.places.freed.notify_one();
        }
    }
}

impl UnderWay {
    /// The work is done; its answer has to be taken.
    pub(super) fn is_answered(&mut self) {
        self.answered = true;
        self.note(|taken| {
            taken.requests = taken.requests.saturating_sub(1);
            taken.leaving += 1;
        });
    }

    fn note(&self, change: impl FnOnce(&mut Taken)) {
        let Place { places, number, .. } = &*self.place;
        let mut state = places.state();
        let moment = state.moment();
        if let Some(taken) = state.taken.get_mut(number) {
            change(taken);
            (taken.silent_since, taken.fell_silent) = (Instant::now(), moment);
        }
        drop(state);
        places.freed.notify_one();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let answered = self.answered;
        self.note(|taken| {
            let count = if answered { &mut taken.leaving } else { &mut taken.requests };
            *count = count.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn take(places: &Arc<Places>) -> Arc<Place> {
        places.take().now_or_never().expect("a place")
    }

    fn has_to_go(place: &Place) -> bool {
        place.has_to_go().now_or_never().is_some()
    }

    #[test]
    fn a_newcomer_gets_its_time_to_ask_however_many_others_have_asked_and_are_silent() {
        let places = Places::new(4, HOUR);
        let asked: Vec<_> = (0..3).map(|_| take(&places)).collect();
        asked.iter().for_each(|place| drop(place.begin()));
        let newcomer = take(&places);
        let next = take(&places);
        assert!(has_to_go(&asked[0]) && !has_to_go(&newcomer));
        let _third = take(&places);
        assert!(has_to_go(&asked[1]) && !has_to_go(&newcomer), "two newcomers are not more than half");
        let _fourth = take(&places);
        assert!(has_to_go(&newcomer) && !has_to_go(&next) && !has_to_go(&asked[2]), "three are");
    }

    #[test]
    fn a_newcomer_whose_time_to_ask_is_over_goes_before_those_that_have_asked() {
        let places = Places::new(3, Duration::ZERO);
        let (asked, late) = (take(&places), take(&places));
        drop(asked.begin());
        let _busy = take(&places).begin();
        let _next = take(&places);
        assert!(has_to_go(&late) && !has_to_go(&asked));
    }

    #[test]
    fn the_one_that_is_silent_for_longest_goes_and_who_has_asked_stays_longer() {
        let places = Places::new(3, HOUR);
        let (asked, silent, later) = (take(&places), take(&places), take(&places));
        drop(asked.begin());
        let newcomer = take(&places);
        assert!(has_to_go(&silent) && !has_to_go(&later) && !has_to_go(&asked));
        drop(silent);
        let another = take(&places);
        assert!(has_to_go(&later) && !has_to_go(&newcomer), "a place that was taken away is not free twice");
        for place in [&newcomer, &another] {
            drop(place.begin());
        }
        let _last = take(&places);
        assert!(has_to_go(&asked) && !has_to_go(&newcomer) && !has_to_go(&another));
    }

    #[test]
    fn a_request_under_way_is_never_cut_off_for_another() {
        let places = Places::new(2, HOUR);
        let (first, second) = (take(&places), take(&places));
        let (one, other) = (first.begin(), first.begin());
        let busy = second.begin();
        assert!(places.take().now_or_never().is_none(), "all are at work");
        drop(one);
        assert!(places.take().now_or_never().is_none(), "one of two requests still is");
        drop(other);
        let third = take(&places);
        assert!(has_to_go(&first) && !has_to_go(&second));
        let _busy_too = third.begin();
        assert!(places.take().now_or_never().is_none());
        drop((busy, second));
        assert!(places.take().now_or_never().is_some(), "one has ended");
    }

    #[test]
    fn an_answer_that_nobody_takes_holds_no_place_for_good() {
        let places = Places::new(2, HOUR);
        let (greedy, quiet) = (take(&places), take(&places));
        let mut untaken = greedy.begin();
        untaken.is_answered();
        drop(quiet.begin());
        let newcomer = take(&places);
        assert!(has_to_go(&quiet) && !has_to_go(&greedy), "an answer on its way is cut off last");
        let _busy = newcomer.begin();
        let _another = take(&places);
        assert!(has_to_go(&greedy) && !has_to_go(&newcomer));
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_a_request_ends() {
        let places = Places::new(1, HOUR);
        let place = take(&places);
        let busy = place.begin();
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        drop(busy);
        let _newcomer = waiting.await.unwrap();
        place.has_to_go().await;
    }
}
