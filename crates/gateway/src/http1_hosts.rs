//! Hosts whose applications sign in connections (`NTLM`, `Negotiate`), and are offered over HTTP/1.1 alone for a while.
//!
//! A browser that has sent the first message of such a sign-in cannot send it again. So its stream must not be reset, as
//! it would be over HTTP/2, and browsers open connections ahead of need: from the challenge on, new connections to the
//! host agree on HTTP/1.1, and those of HTTP/2 that exist are left by their clients (GOAWAY).

use std::collections::HashMap;
use std::time::Instant;

use tokio::sync::watch;

use crate::limits;

/// The hosts, in lower case, each with the time of a challenge not long ago.
#[derive(Debug)]
pub(crate) struct Http1Hosts(watch::Sender<HashMap<Box<str>, Instant>>);

impl Default for Http1Hosts {
    fn default() -> Self {
        Self(watch::Sender::new(HashMap::new()))
    }
}

impl Http1Hosts {
    /// An application of `host` has challenged somebody. Beyond the limit of hosts the newest is not remembered: its
    /// sign-in works, with an error page now and then.
    pub(crate) fn remember(&self, host: &str) {
        let now = Instant::now();
        let noted = self.0.borrow().get(host).copied();
        if noted.is_some_and(|noted| now.duration_since(noted) < limits::HTTP1_HOST_NOTED) {
            return;
        }
        self.0.send_if_modified(|hosts| {
            hosts.retain(|_, noted| now.duration_since(*noted) < limits::HTTP1_HOST);
            if hosts.len() < limits::HTTP1_HOSTS || hosts.contains_key(host) {
                hosts.insert(host.into(), now);
            }
            noted.is_none()
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
        let _ = self.0.subscribe().wait_for(|hosts| is_noted(hosts, host)).await;
    }
}

fn is_noted(hosts: &HashMap<Box<str>, Instant>, host: &str) -> bool {
    hosts.get(host).is_some_and(|noted| noted.elapsed() < limits::HTTP1_HOST)
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
    fn it_remembers_so_many_and_no_more() {
        let hosts = Http1Hosts::default();
        for number in 0..limits::HTTP1_HOSTS + 10 {
            hosts.remember(&format!("{number}.example"));
        }
        assert_eq!(hosts.0.borrow().len(), limits::HTTP1_HOSTS);
        assert!(hosts.has("0.example"));
    }
}
