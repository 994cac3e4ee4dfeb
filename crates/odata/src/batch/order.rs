//! Dependencies between the requests of a batch: that they exist and lead in no circle, and the order that follows.

use super::{BatchError, BatchRequest};

/// Replaces the ids in `dependsOn` by those of the requests they mean, each once, without regard to case.
pub(super) fn resolve(requests: &mut [BatchRequest]) -> Result<(), BatchError> {
    let ids: Vec<String> = requests.iter().map(|request| request.id.clone()).collect();
    refuse_repeated(&ids)?;
    for request in requests {
        let mut meant: Vec<String> = Vec::new();
        for on in &request.depends_on {
            let Some(id) = ids.iter().find(|id| same(id, on)) else {
                let on = on.chars().take(100).collect();
                return Err(BatchError::UnknownDependency { id: request.id.clone(), on });
            };
            if !meant.contains(id) {
                meant.push(id.clone());
            }
        }
        request.depends_on = meant;
    }
    Ok(())
}

fn refuse_repeated(ids: &[String]) -> Result<(), BatchError> {
    let repeated = ids.iter().enumerate().find(|(at, id)| ids.iter().take(*at).any(|before| same(before, id)));
    repeated.map_or(Ok(()), |(_, id)| Err(BatchError::RepeatedId(id.clone())))
}

fn same(one: &str, two: &str) -> bool {
    one == two || one.to_lowercase() == two.to_lowercase()
}

/// Each request after those that it depends on, otherwise in their order.
pub(super) fn sorted(mut waiting: Vec<BatchRequest>) -> Result<Vec<BatchRequest>, BatchError> {
    let mut sorted: Vec<BatchRequest> = Vec::with_capacity(waiting.len());
    while let Some(first) = waiting.first() {
        let done = |id: &String| sorted.iter().any(|before| before.id == *id);
        let Some(next) = waiting.iter().position(|request| request.depends_on.iter().all(done)) else {
            return Err(BatchError::Cycle { id: first.id.clone() });
        };
        sorted.push(waiting.remove(next));
    }
    Ok(sorted)
}
