//! What the command says: tables for people, one JSON document for programs. Both are made of the same figures.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value, json};

use super::computed;
use super::figure::{Section, Unit, grouped, of};
use super::measured::{self, Constant};
use super::placement::Placement;
use super::plan::Plan;
use super::simulated::{self, Scenario};

/// All that is said of a plan.
#[derive(Debug, Clone)]
pub(super) struct Report {
    plan: Plan,
    sections: Vec<Section>,
    scenarios: Vec<Scenario>,
}

impl Report {
    /// Computes and simulates a plan. The same plan gives the same report.
    pub(super) fn of(plan: Plan) -> Self {
        let mut random = fastrand::Rng::with_seed(plan.seed);
        let placement = Placement::draw(&plan, &mut random);
        let sections = computed::compute(&plan, &placement);
        let scenarios = simulated::simulate(&plan, &placement, &mut random);
        Self { plan, sections, scenarios }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let plan = &self.plan;
        let computed = self.sections.iter().map(|section| (section.name.to_owned(), section.json()));
        json!({
            "plan": {
                "applications": plan.applications,
                "connectors": plan.connectors,
                "gateways": plan.gateways,
                "gatewaysPerConnector": plan.gateways_per_connector,
                "connectorsPerGroup": plan.connectors_per_group,
                "regions": plan.regions,
                "cores": plan.cores,
                "changesPerHour": plan.changes_per_hour,
                "outageSeconds": plan.outage.as_secs(),
                "seed": plan.seed,
            },
            "constants": measured::ALL.iter().map(constant_json).collect::<Vec<_>>(),
            "computed": Value::Object(computed.collect::<Map<_, _>>()),
            "simulated": self.scenarios.iter().map(Scenario::json).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = self.plan_text();
        for section in &self.sections {
            let rows = section.figures.iter().map(|figure| {
                let amount = figure.unit.text(figure.amount);
                [figure.what.clone(), amount, figure.basis.word().to_owned()]
            });
            paragraph(&mut text, section.title, &table(None, rows));
        }
        paragraph(&mut text, "Herds (simulated)", &self.herds_text());
        let constants = measured::ALL.iter().map(|constant| {
            let amount = constant.unit.text(constant.amount);
            [constant.what.to_owned(), amount, constant.basis.word().to_owned(), constant.source.to_owned()]
        });
        paragraph(&mut text, "From these figures", &table(None, constants));
        text
    }

    fn plan_text(&self) -> String {
        let plan = &self.plan;
        let numbers = [plan.applications, plan.connectors, plan.gateways].map(|number| grouped(number.into()));
        let [applications, connectors, gateways] = numbers;
        let mut text = format!("{applications} applications, {connectors} connectors in groups of ");
        let _ = writeln!(
            text,
            "{}, {gateways} gateways of {} cores",
            grouped(plan.connectors_per_group.into()),
            plan.cores
        );
        let _ = writeln!(
            text,
            "{} gateways for each connector, {} regions, {} changes an hour, seed {}",
            grouped(plan.gateways_per_connector.into()),
            grouped(plan.regions.into()),
            grouped(plan.changes_per_hour.into()),
            plan.seed
        );
        text
    }

    fn herds_text(&self) -> String {
        let head = ["", "tunnels", "all back", "half", "99 %", "dials/s", "put off", "crowding", "2nd wave"];
        let rows = self.scenarios.iter().map(|scenario| {
            let result = &scenario.result;
            let time = |time: Duration| Unit::Seconds.text(of(time));
            let back = match result.left() {
                0 => time(result.back.last()),
                left => format!("{} never", grouped(left)),
            };
            [
                scenario.what.clone(),
                grouped(result.connectors),
                back,
                time(result.back.when(500)),
                time(result.back.when(990)),
                grouped(result.most_dials_in_a_second),
                grouped(result.put_off),
                format!("{:.1}", scenario.crowding()),
                if scenario.has_second_wave() { "yes" } else { "no" }.to_owned(),
            ]
        });
        table(Some(head), rows)
    }
}

fn constant_json(constant: &Constant) -> Value {
    json!({
        "name": constant.name,
        "what": constant.what,
        "value": constant.amount,
        "unit": constant.unit.word(),
        "basis": constant.basis.word(),
        "source": constant.source,
    })
}

fn paragraph(text: &mut String, title: &str, table: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "\n{title}\n{table}");
}

/// Lines without frames; what stands right of the first column and is a number stands below another.
fn table<const COLUMNS: usize>(head: Option<[&str; COLUMNS]>, rows: impl Iterator<Item = [String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let is_of_herds = head.is_some();
    if let Some(head) = head {
        table.set_header(head);
    }
    for row in rows {
        table.add_row(row);
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if number == 0 { 2 } else { 0 }, 2));
        if number == 1 || (is_of_herds && number > 0) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
