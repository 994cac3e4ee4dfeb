//! Which gateways have tunnels of which connectors, if each connector draws as many as it wants among those of its region.
//!
//! A connector of today knows one gateway: what a list of several leads to is drawn here, and nobody's program yet.

use super::plan::Plan;

/// How many tunnels each gateway has, region by region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    regions: Vec<Vec<u32>>,
}

impl Placement {
    /// Draws the gateways of every connector. Connectors and gateways are spread evenly over the regions.
    pub(super) fn draw(plan: &Plan, random: &mut fastrand::Rng) -> Self {
        let parts = (0..plan.regions).map(|region| {
            let gateways = share(plan.gateways, plan.regions, region);
            draw(share(plan.connectors, plan.regions, region), plan.gateways_per_connector, gateways, random)
        });
        Self { regions: parts.collect() }
    }

    /// What comes to each gateway of the others when the first region is lost and its connectors draw among those. Empty
    /// where there is one region.
    pub(super) fn draw_elsewhere(&self, plan: &Plan, random: &mut fastrand::Rng) -> Vec<u32> {
        let gateways = self.regions.iter().skip(1).map(Vec::len).sum::<usize>();
        let connectors = share(plan.connectors, plan.regions, 0);
        draw(connectors, plan.gateways_per_connector, u32::try_from(gateways).unwrap_or(u32::MAX), random)
    }

    /// The tunnels of each gateway.
    pub(super) fn gateways(&self) -> impl Iterator<Item = u32> {
        self.regions.iter().flatten().copied()
    }

    /// Those of the gateway with the most.
    pub(super) fn most(&self) -> u32 {
        self.gateways().max().unwrap_or_default()
    }
}

/// The part of `whole` that falls to one of `parts`; the first ones get what is over.
const fn share(whole: u32, parts: u32, part: u32) -> u32 {
    if parts == 0 {
        return 0;
    }
    whole / parts + if part < whole % parts { 1 } else { 0 }
}

/// How often each of `gateways` is drawn, when each of `connectors` draws `each` of them, all different.
fn draw(connectors: u32, each: u32, gateways: u32, random: &mut fastrand::Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..gateways).collect();
    let mut tunnels = vec![0_u32; order.len()];
    for _ in 0..connectors {
        // The beginning of a shuffle (Fisher and Yates); where it begins from does not matter.
        for place in 0..order.len().min(usize::try_from(each).unwrap_or(usize::MAX)) {
            let other = random.usize(place..order.len());
            order.swap(place, other);
            let drawn = order.get(place).and_then(|gateway| usize::try_from(*gateway).ok());
            if let Some(count) = drawn.and_then(|gateway| tunnels.get_mut(gateway)) {
                *count += 1;
            }
        }
    }
    tunnels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> fastrand::Rng {
        fastrand::Rng::with_seed(7)
    }

    #[test]
    fn every_connector_has_as_many_gateways_as_it_wants_and_all_different() {
        assert_eq!(draw(1, 5, 5, &mut random()), [1; 5]);
        assert_eq!(draw(1_000, 3, 3, &mut random()), [1_000; 3]);
        let drawn = draw(10_000, 2, 20, &mut random());
        assert_eq!(drawn.iter().sum::<u32>(), 20_000);
        assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
        assert_eq!(draw(10, 2, 0, &mut random()), Vec::<u32>::new());
    }

    #[test]
    fn parts_are_even_and_nothing_is_left_over() {
        let parts: Vec<u32> = (0..3).map(|part| share(11, 3, part)).collect();
        assert_eq!(parts, [4, 4, 3]);
    }
}
