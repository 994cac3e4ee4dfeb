//! Hosts whose applications sign in connections (`NTLM`, `Negotiate`), and are offered over HTTP/1.1 alone for a while.
//!
//! A browser that has sent the first message of such a sign-in cannot send it again. So its stream must not be reset, as
//! it would be over HTTP/2, and browsers open connections ahead of need: from the challenge on, new connections to the
//! host agree on HTTP/1.1, and those of HTTP/2 that exist are left by their clients (GOAWAY).

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits;

/// The hosts as they are published (`app.example`, `*.apps.example`), each with the time of a challenge not long ago.
#[derive(Debug)]
pub(crate) struct Http1Hosts(watch::Sender<HashMap<Box<str>, Instant>>);

impl Default for Http1Hosts {
    fn default() -> Self {
        Self(watch::Sender::new(HashMap::new()))
    }
}

impl Http1Hosts {
    /// An application that is published at `host` has challenged somebody. Beyond the limit of hosts the newest is not
    /// remembered: its sign-in works, with an error page now and then.
    pub(crate) fn remember(&self, host: &str) {
        self.remember_at(host, Instant::now());
    }

    fn remember_at(&self, host: &str, now: Instant) {
        let is_old = |noted: &Instant, limit| now.saturating_duration_since(*noted) >= limit;
        let changes_nothing = {
            let hosts = self.0.borrow();
            match hosts.get(host) {
                Some(noted) => !is_old(noted, limits::HTTP1_HOST_NOTED),
                None => hosts.len() >= limits::HTTP1_HOSTS,
            }
        };
        if changes_nothing {
            return;
        }
        self.0.send_if_modified(|hosts| {
            hosts.retain(|_, noted| !is_old(noted, limits::HTTP1_HOST));
            // Only a host that is new is news to its connections.
            hosts.insert(host.into(), now).is_none()
        });
    }

    /// Forgets hosts that have not asked for long, which makes room for others.
    pub(crate) fn tidy(&self) {
        self.0.send_if_modified(|hosts| {
            hosts.retain(|_, noted| noted.elapsed() < limits::HTTP1_HOST);
            false
        });
    }

    /// Whether a name, as a TLS hello has it, is that of such a host.
    pub(crate) fn has(&self, name: &str) -> bool {
        let hosts = self.0.borrow();
        !hosts.is_empty() && is_noted(&hosts, &name.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Waits until `host` is one of them; for ever where a client named none.
    pub(crate) async fn takes_in(&self, host: Option<&str>) {
        let Some(host) = host else { return std::future::pending().await };
        // It fails only when the gateway is gone.
        let _ = self.0.subscribe().wait_for(|hosts| !hosts.is_empty() && is_noted(hosts, host)).await;
    }
}

fn is_noted(hosts: &HashMap<Box<str>, Instant>, host: &str) -> bool {
    let wildcard = || host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    let noted = hosts.get(host).or_else(|| hosts.get(wildcard()?.as_str()));
    noted.is_some_and(|noted| noted.elapsed() < limits::HTTP1_HOST)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_host_is_one_from_its_challenge_on_and_others_are_not() {
        let hosts = Http1Hosts::default();
        let mut waiting = Box::pin(hosts.takes_in(Some("app.example")));
        let mut other = Box::pin(hosts.takes_in(Some("other.example")));
        assert!(!hosts.has("app.example") && waiting.as_mut().now_or_never().is_none());
        hosts.remember("app.example");
        assert!(hosts.has("App.Example.") && !hosts.has("other.example"));
        assert!(waiting.now_or_never().is_some() && other.as_mut().now_or_never().is_none());
        assert!(hosts.takes_in(None).now_or_never().is_none());
    }

    #[test]
    fn a_wildcard_stands_for_its_hosts() {
        let hosts = Http1Hosts::default();
        hosts.remember("*.apps.example");
        assert!(hosts.has("one.apps.example") && hosts.has("two.apps.example"));
        assert!(!hosts.has("apps.example") && !hosts.has("one.two.apps.example"));
    }

    #[test]
    fn a_host_that_asks_again_after_a_long_time_is_news() {
        let hosts = Http1Hosts::default();
        let long_ago = Instant::now().checked_sub(limits::HTTP1_HOST * 2).unwrap();
        hosts.remember_at("app.example", long_ago);
        assert!(!hosts.has("app.example"));
        let mut waiting = Box::pin(hosts.takes_in(Some("app.example")));
        assert!(waiting.as_mut().now_or_never().is_none());
        hosts.remember("app.example");
        assert!(waiting.now_or_never().is_some() && hosts.has("app.example"));
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let hosts = Http1Hosts::default();
        for number in 0..limits::HTTP1_HOSTS + 10 {
            hosts.remember(&format!("{number}.example"));
        }
        assert_eq!(hosts.0.borrow().len(), limits::HTTP1_HOSTS);
        assert!(hosts.has("0.example"));
        let mut changes = hosts.0.subscribe();
        hosts.remember("one-more.example");
        assert!(!changes.has_changed().unwrap(), "nobody is woken for a host that is not remembered");
        changes.mark_unchanged();
    }
}
