//! `adit demo --check`: the demo played against itself. Requests flow through the gateway while each of the five
//! documented calls is made. Of each call the answer is checked, the state that reads back, and which connectors the
//! gateway sends requests through from then on.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Demo;
use super::load::{Asked, Load, ask};
use super::scenario::{ANNOUNCED, DocumentedCall, Group};
use crate::api_client::PROFILE;
use crate::command_error::CommandError;

/// A change is promised to take effect within a second; a busy machine gets five times that.
const EFFECT: Duration = Duration::from_secs(5);

/// How long the first answers may take: everything is cold.
const WARMING: Duration = Duration::from_secs(20);

/// How often something is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Answers that make a flow.
const ENOUGH: u64 = 50;

/// What did not hold.
type Unmet = String;

/// Plays the scenario.
///
/// # Errors
/// When any step did not hold.
pub(crate) async fn run(demo: &Demo) -> Result<(), CommandError> {
    let mut steps = Steps::default();
    steps.note(&format!("the page opens at {}", demo.external_url), page_opens(demo).await);
    if let Some(team) = &demo.team {
        steps.note(&format!("who has not signed in is asked to at {}", team.url), team.asks(&demo.browser).await);
        steps.note(&format!("{} signs in and is let in", team.user), team.lets_in(&demo.browser).await);
    }
    let load = Load::start(&demo.browser, &asked(demo));
    steps.note("requests flow", flows(&load, WARMING).await);
    for call in demo.scenario.documented_calls() {
        let what = format!("page {}: {} (answered {})", call.page, call.effect, call.answer.as_u16());
        steps.note(&what, answered(demo, &call).await);
        steps.note(&format!("page {}: the state reads back", call.page), reads_back(demo, call.page).await);
        let (what, followed) = traffic(demo, &load, call.page).await;
        steps.note(&format!("page {}: {what}", call.page), followed);
    }
    steps.note("the application moves back, and Berlin serves it again", moves_back(demo, &load).await);
    let outcome = load.stop().await;
    let none_failed = match outcome.failed {
        0 => Ok(()),
        failed => Err(format!("{failed} failed, such as: {}", outcome.failures.join("; "))),
    };
    steps.note(&format!("no request failed; {} were answered", outcome.answered), none_failed);
    steps.verdict()
}

/// The steps so far, each said as it is done.
#[derive(Default)]
struct Steps {
    unmet: usize,
    held: usize,
}

impl Steps {
    fn note(&mut self, what: &str, outcome: Result<(), Unmet>) {
        match outcome {
            Ok(()) => {
                self.held += 1;
                println!("ok    {what}");
            }
            Err(why) => {
                self.unmet += 1;
                println!("FAIL  {what}: {why}");
            }
        }
    }

    fn verdict(&self) -> Result<(), CommandError> {
        if self.unmet > 0 {
            let of = self.unmet + self.held;
            return Err(CommandError::failed("the check did not hold", format!("{} of {of} steps failed", self.unmet)));
        }
        println!("\nAll {} steps held.", self.held);
        Ok(())
    }
}

async fn page_opens(demo: &Demo) -> Result<(), Unmet> {
    let asked = Asked { method: Method::GET, url: demo.external_url.to_string(), body: "" };
    let page = ask(&demo.browser, &asked).await?;
    let page = String::from_utf8_lossy(&page);
    if demo.sample.is_some() && !page.contains("x-forwarded-host") {
        return Err("it does not show that the request came through the gateway".to_owned());
    }
    Ok(())
}

/// With the sample application, every other request is one that must not be repeated: a lost one would show.
fn asked(demo: &Demo) -> Vec<Asked> {
    let mut asked = vec![Asked { method: Method::GET, url: demo.external_url.to_string(), body: "" }];
    if demo.sample.is_some() {
        asked.push(Asked { method: Method::POST, url: format!("{}echo", demo.external_url), body: "once, please" });
    }
    asked
}

/// Enough further requests are answered in time.
async fn flows(load: &Load, time: Duration) -> Result<(), Unmet> {
    let wanted = load.answered() + ENOUGH;
    let deadline = Instant::now() + time;
    while load.answered() < wanted {
        if Instant::now() > deadline {
            return Err(format!("of {ENOUGH} requests, {} were not answered in time", wanted - load.answered()));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

async fn answered(demo: &Demo, call: &DocumentedCall) -> Result<(), Unmet> {
    let answer = demo.client.send(call.method.clone(), &call.path, Some(&call.body)).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status != call.answer {
        return Err(format!("answered {}", answer.status));
    }
    let connector = answer.body.get("id").and_then(Value::as_str);
    if call.page == "001" && connector != Some(&demo.scenario.lisbon_connector) {
        return Err(format!("the answer is not the connector: {}", answer.body));
    }
    Ok(())
}

async fn reads_back(demo: &Demo, page: &str) -> Result<(), Unmet> {
    let scenario = &demo.scenario;
    match page {
        "000" => connector_is_in(demo, &scenario.default).await,
        "001" => connector_is_in(demo, &scenario.berlin).await,
        "002" => connector_is_in(demo, &scenario.lisbon).await,
        "003" => announced_in(demo, &scenario.berlin).await,
        _ => application_is_in(demo, &scenario.lisbon).await,
    }
}

async fn connector_is_in(demo: &Demo, group: &Group) -> Result<(), Unmet> {
    let path = format!("{PROFILE}/connectors/{}/memberOf", demo.scenario.lisbon_connector);
    let groups = demo.client.list(&path).await.map_err(|error| error.to_string())?;
    let ids: Vec<&str> = groups.iter().filter_map(|group| group.get("id")?.as_str()).collect();
    if ids == [group.id.as_str()] { Ok(()) } else { Err(format!("its groups are {ids:?}, not {}", group.id)) }
}

async fn announced_in(demo: &Demo, group: &Group) -> Result<(), Unmet> {
    let path = format!("{PROFILE}/connectorGroups/{}/members", group.id);
    let members = demo.client.list(&path).await.map_err(|error| error.to_string())?;
    let word = |member: &Value, name: &str| member.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let announced = members.iter().find(|member| word(member, "machineName") == ANNOUNCED);
    match announced.map(|member| word(member, "status")).as_deref() {
        Some("inactive") => Ok(()),
        Some(status) => Err(format!("{ANNOUNCED} is '{status}'")),
        None => Err(format!("{ANNOUNCED} is not in {}", group.name)),
    }
}

async fn application_is_in(demo: &Demo, group: &Group) -> Result<(), Unmet> {
    let path = format!("/applications/{}/connectorGroup", demo.scenario.application);
    let found = demo.client.get(&path).await.map_err(|error| error.to_string())?;
    let id = found.get("id").and_then(Value::as_str).unwrap_or_default();
    if id == group.id { Ok(()) } else { Err(format!("its group is {id}, not {}", group.id)) }
}

/// Which connectors serve the application after the call of `page`.
async fn traffic(demo: &Demo, load: &Load, page: &str) -> (&'static str, Result<(), Unmet>) {
    let (berlin, lisbon) = (&demo.scenario.berlin_connector, &demo.scenario.lisbon_connector);
    match page {
        "001" => ("both connectors serve requests", both_serve(demo, load).await),
        "004" => ("lisbon-1 alone serves requests", alone(demo, load, lisbon, berlin).await),
        _ => ("berlin-1 alone serves requests", alone(demo, load, berlin, lisbon).await),
    }
}

async fn moves_back(demo: &Demo, load: &Load) -> Result<(), Unmet> {
    let path = format!("/applications/{}/connectorGroup/$ref", demo.scenario.application);
    let body = json!({ "@odata.id": format!("{PROFILE}/connectorGroups/{}", demo.scenario.berlin.id) });
    demo.client.call(Method::PUT, &path, Some(&body)).await.map_err(|error| error.to_string())?;
    application_is_in(demo, &demo.scenario.berlin).await?;
    alone(demo, load, &demo.scenario.berlin_connector, &demo.scenario.lisbon_connector).await
}

/// Within the promised time, each connector has served some of a number of requests.
async fn both_serve(demo: &Demo, load: &Load) -> Result<(), Unmet> {
    let connectors = [&demo.scenario.berlin_connector, &demo.scenario.lisbon_connector];
    settles(async || {
        let before = connectors.map(|connector| demo.requests_through(connector));
        flows(load, EFFECT).await?;
        let after = connectors.map(|connector| demo.requests_through(connector));
        let idle = before.iter().zip(after).any(|(before, after)| *before == after);
        Ok((!idle).then_some(()))
    })
    .await
    .and_then(|settled| settled.ok_or_else(|| "one of them serves none".to_owned()))
}

/// Within the promised time, `serving` serves requests and `resting` none any more.
async fn alone(demo: &Demo, load: &Load, serving: &str, resting: &str) -> Result<(), Unmet> {
    settles(async || {
        let (served, rested) = (demo.requests_through(serving), demo.requests_through(resting));
        flows(load, EFFECT).await?;
        let alone = demo.requests_through(serving) > served && demo.requests_through(resting) == rested;
        Ok(alone.then_some(()))
    })
    .await
    .and_then(|settled| settled.ok_or_else(|| "the other one still does, or none".to_owned()))
}

/// Looks until it is so, for as long as a change may take to have its effect.
async fn settles(look: impl AsyncFn() -> Result<Option<()>, Unmet>) -> Result<Option<()>, Unmet> {
    let deadline = Instant::now() + EFFECT;
    loop {
        match look().await? {
            None if Instant::now() < deadline => {}
            settled => return Ok(settled),
        }
    }
}
