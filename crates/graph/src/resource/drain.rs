//! Drains of connectors, in words of Adit's own: `adit.drain` keeps what is new away from a connector, `adit.resume` lets it
//! serve again, `adit.work` says what is still under way through it.

use serde_json::{Map, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::CONNECTOR_WORK;

/// `POST connectors/{id}/adit.drain`.
pub(crate) async fn drain(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.scope.connector()?;
    call.control.drain_connector(&call.context, call.at(connector)).await?;
    Ok(Answer::no_content())
}

/// `POST connectors/{id}/adit.resume`.
pub(crate) async fn resume(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.scope.connector()?;
    call.control.resume_connector(&call.context, call.at(connector)).await?;
    Ok(Answer::no_content())
}

/// `GET connectors/{id}/adit.work()`.
pub(crate) async fn work(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.scope.connector()?).await?;
    let is_drained = call.control.is_drained(&connector).await?;
    let work = call.explainer.work(connector.id);
    let properties = Map::from_iter([
        ("isDrained".to_owned(), is_drained.into()),
        ("requestsUnderWay".to_owned(), json!(work.requests)),
        ("drainingStreams".to_owned(), json!(work.draining)),
    ]);
    Ok(Answer::ok(call.document().structure("adit.connectorWork", &CONNECTOR_WORK, properties)))
}
