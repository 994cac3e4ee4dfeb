//! New TLS connections: connect, a full handshake, one request, and away.
//!
//! The goal is about the same work: all sides agree on X25519. What browsers offer first, X25519 with ML-KEM-768, is
//! shown as well; OpenSSL 3.0, which Debian's nginx uses, cannot do it, and Adit does.

use std::time::{Duration, Instant};

use adit_tests::http::{Connection, Trust};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

use super::beside::{self, beside_two_nginx};
use crate::sides::finding::Shown;
use crate::sides::load::{Turns, turns};
use crate::sides::series::{Pace, in_turn};
use crate::sides::side::{HOST, Kind, Side};
use crate::sides::stage::Stage;

const CLIENTS: usize = 16;

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let how = format!("{CLIENTS} clients: connect, a full TLS 1.3 handshake with X25519, 1 KiB, close");
    let mut shown = beside_two_nginx(stage, pace, "new TLS connections", &how, |side, length| {
        run(side, length, &[kx_group::X25519])
    });
    let hybrid = [kx_group::X25519MLKEM768, kx_group::X25519];
    let (rounds, length) = (pace.rounds(beside::ROUNDS), pace.length(beside::LENGTH));
    let runs = in_turn(&[stage.side(Kind::Adit)], rounds, |side| run(side, length, &hybrid));
    shown.table.row(beside::row("Adit with X25519MLKEM768", &runs[0]));
    shown
}

fn run(side: &Side, length: Duration, groups: &[&'static dyn SupportedKxGroup]) -> Turns {
    let provider = CryptoProvider { kx_groups: groups.to_vec(), ..default_provider() };
    let mut clients = vec![Trust::of_a_stranger(side.ca(), provider); CLIENTS];
    turns(side, length, &mut clients, |trust, end| connections(side, trust, end))
}

fn connections(side: &Side, trust: &Trust, end: Instant) -> u64 {
    let mut count = 0;
    while Instant::now() < end {
        let connection = Connection::tls(side.address, HOST, trust);
        let answer = connection.and_then(|mut connection| connection.get(HOST, "/1k")).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        count += 1;
    }
    count
}
