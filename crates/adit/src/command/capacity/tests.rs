//! The command as people and programs meet it, and the page that shows what it says.

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(words: &[&str]) -> Arguments {
    CommandLine::try_parse_from(["capacity"].iter().chain(words)).expect("options of the command").arguments
}

const SMALL: [&str; 8] = ["--applications", "1000", "--connectors", "400", "--gateways", "4", "--regions", "2"];

fn small(more: &[&str]) -> String {
    said(&arguments(&[&SMALL, more].concat())).expect("an answer")
}

fn refused(words: &[&str]) -> String {
    format!("{:?}", said(&arguments(words)).expect_err("a plan that is none"))
}

#[test]
fn people_read_every_part_and_on_what_each_figure_rests() {
    let text = small(&[]);
    for shown in [
        "1,000 applications, 400 connectors in groups of 10, 4 gateways of 2 cores\n",
        "2 gateways for each connector, 2 regions, 1,000 changes an hour, seed 1\n",
        "\nSnapshot\n",
        "\nChanges of the directory\n",
        "\nSigned statements\n",
        "\nTunnels\n",
        "\nPresence (no revision, no audit record)\n",
        "\nAudit log\n",
        "\nHerds (simulated)\n",
        "\nFrom these figures\n",
        "tunnels in all ",
        "a gateway restarts, away 30 s",
        "a region is lost, its connectors dial the others",
        "as measured: 10,000, one gateway, same two cores",
        "bench connectors, 2026-11-22",
    ] {
        assert!(text.contains(shown), "{shown:?} is not in\n{text}");
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 130 && line == line.trim_end(), "{line:?}");
    }
    for basis in ["counted", "measured", "drawn", "assumed"] {
        assert!(text.lines().any(|line| line.ends_with(basis)), "{basis}");
    }
}

#[test]
fn programs_find_the_plan_the_constants_and_every_figure_by_name() {
    let answer: Value = serde_json::from_str(&small(&["--output", "json"])).expect("one JSON document");
    assert_eq!(answer["plan"]["gateways"], 4);
    assert_eq!(answer["plan"]["outageSeconds"], 30);
    let tunnels = &answer["computed"]["tunnels"];
    assert_eq!(tunnels["tunnels"]["value"], 800.0);
    assert_eq!(tunnels["perGateway"]["value"], 200.0);
    assert_eq!(tunnels["perGateway"]["unit"], "count");
    assert_eq!(tunnels["perGateway"]["basis"], "counted");
    assert_eq!(answer["computed"]["presence"]["allWrites"]["value"], 1600.0);
    assert_eq!(answer["computed"]["statements"]["statements"]["value"], 1400.0);
    for section in ["snapshot", "changes", "statements", "tunnels", "presence", "records"] {
        let figures = answer["computed"][section].as_object().expect("a section");
        assert!(figures.values().all(|figure| figure["value"].as_f64().is_some_and(|value| value >= 0.0)), "{section}");
    }
    let names: Vec<&str> =
        answer["constants"].as_array().unwrap().iter().map(|constant| constant["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"tunnelMemory") && names.contains(&"handshakeCpu"), "{names:?}");
    let herds = answer["simulated"].as_array().unwrap();
    let names: Vec<&str> = herds.iter().map(|herd| herd["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["gatewayRestarts", "gatewayLost", "allGatewaysLost", "regionLost", "asMeasured"]);
    for herd in herds {
        assert_eq!(herd["tunnelsLeft"], 0, "{herd}");
        assert!(herd["p50Seconds"].as_f64().unwrap() <= herd["p99Seconds"].as_f64().unwrap());
        assert!(herd["p99Seconds"].as_f64().unwrap() <= herd["backAfterSeconds"].as_f64().unwrap());
        assert!(herd["mostHandshakesOfACore"].as_u64().unwrap() <= 128);
    }
    assert_eq!(herds[2]["tunnels"], 800, "every tunnel of every gateway");
    assert_eq!(herds[3]["tunnels"], 400, "those of one region of two");
}

#[test]
fn the_same_options_give_the_same_answer_and_another_seed_another() {
    assert_eq!(small(&[]), small(&[]));
    assert_ne!(small(&[]), small(&["--seed", "2"]));
}

#[test]
fn what_cannot_be_planned_is_refused_with_the_reason() {
    for (words, reason) in [
        (&["--gateways", "0"][..], "--gateways is 0; it can be 1 to 100,000"),
        (&["--connectors", "0"], "--connectors is 0; it can be 1 to 1,000,000"),
        (&["--applications", "0"], "--applications is 0; it can be 1 to 100,000,000"),
        (&["--regions", "0"], "--regions is 0; it can be 1 to 100,000"),
        (&["--cores", "0"], "--cores is 0; it can be 1 to 1,024"),
        (&["--gateways-per-connector", "0"], "--gateways-per-connector is 0; it can be 1 to 100,000"),
        (&["--connectors-per-group", "0"], "--connectors-per-group is 0; it can be 1 to 1,000,000"),
        (&["--outage", "0"], "--outage is 0; it can be 1 to 3,600"),
        (&["--outage", "86400"], "--outage is 86400; it can be 1 to 3,600"),
        (&["--applications", "18446744073709551615"], "--applications is 18446744073709551615; it can be"),
        (&["--changes-per-hour", "4294967296"], "--changes-per-hour is 4294967296; it can be 0 to 100,000,000"),
        (&["--gateways", "3"], "there are more regions (4) than gateways (3)"),
        (
            &["--gateways", "8", "--gateways-per-connector", "3"],
            "a connector cannot have tunnels to 3 gateways: the smallest region has 2",
        ),
        (
            &["--gateways", "8", "--regions", "1", "--gateways-per-connector", "9"],
            "a connector cannot have tunnels to 9 gateways: the smallest region has 8",
        ),
        (
            &["--connectors", "1000000", "--gateways-per-connector", "3"],
            "that makes 3,000,000 tunnels; at most 2,000,000 are simulated",
        ),
        (
            &["--connectors", "1000000", "--gateways", "4", "--gateways-per-connector", "1"],
            "that makes 250,000 tunnels at a gateway; at most 100,000 are simulated",
        ),
    ] {
        let said = refused(words);
        assert!(said.contains("nothing was computed") && said.contains(reason), "{words:?}: {said}");
        assert!(said.contains("Usage"), "{said}");
    }
}

#[test]
fn a_quick_restart_under_ten_thousand_comes_in_waves_and_is_over_within_thirty_seconds() {
    let one = ["--connectors", "10000", "--gateways", "1", "--gateways-per-connector", "1", "--regions", "1"];
    let said = said(&arguments(&[&one[..], &["--output", "json"]].concat())).expect("an answer");
    let answer: Value = serde_json::from_str(&said).expect("one JSON document");
    let restart = &answer["simulated"][0];
    assert_eq!((&restart["name"], &restart["hasSecondWave"]), (&"gatewayRestarts".into(), &true.into()), "{restart}");
    assert!(restart["backAfterSeconds"].as_f64().unwrap() < 30.0, "{restart}");
    let lost = &answer["simulated"][1];
    assert_eq!((&lost["name"], &lost["hasSecondWave"]), (&"gatewayLost".into(), &false.into()), "{lost}");
}

#[test]
fn the_smallest_plan_is_one_too() {
    let text = said(&arguments(&[
        "--applications",
        "1",
        "--connectors",
        "1",
        "--gateways",
        "1",
        "--gateways-per-connector",
        "1",
        "--regions",
        "1",
        "--connectors-per-group",
        "1000000",
        "--changes-per-hour",
        "0",
        "--cores",
        "1",
    ]))
    .expect("an answer");
    assert!(text.contains("1 applications, 1 connectors") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    assert!(!text.contains("a region is lost"), "there is no other");
}

#[test]
fn the_page_about_scale_shows_what_the_command_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scale.md");
    let page = std::fs::read_to_string(path).expect("docs/scale.md");
    let (_, rest) = page.split_once("<!-- capacity: begin -->\n\n```text\n").expect("the mark where it begins");
    let (shown, _) = rest.split_once("```\n\n<!-- capacity: end -->").expect("the mark where it ends");
    let said = said(&arguments(&[])).expect("an answer");
    assert_eq!(shown, said, "docs/scale.md is to show what 'adit capacity' says");
}

#[test]
fn constants_are_what_the_page_of_the_bench_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/README.md");
    let page = std::fs::read_to_string(path).expect("bench/README.md");
    let row =
        page.lines().find(|line| line.starts_with("| memory of the gateway for an idle connector")).expect("a row");
    let kib: f64 = row.split('|').nth(2).unwrap().trim().trim_end_matches(" KiB").parse().expect("a figure in KiB");
    let constant = measured::TUNNEL_MEMORY.amount / 1024.0;
    assert!((constant - kib).abs() < 0.005, "{kib} KiB were measured: TUNNEL_MEMORY and docs/scale.md have {constant}");
}
