//! What is planned for: so many applications, connectors and gateways, in so many regions.
//!
//! A [`Plan`] that is there can be computed and simulated: nothing in it is zero, no product of it overflows, and each
//! connector finds as many gateways as it wants.

use std::time::Duration;

use super::figure::grouped;

/// The most applications of a directory; beyond it nothing was ever measured, by a factor of a hundred.
const MOST_APPLICATIONS: u64 = 100_000_000;

/// The most connectors: ten times what the project aims at.
const MOST_CONNECTORS: u64 = 1_000_000;

/// The most gateways.
const MOST_GATEWAYS: u64 = 100_000;

/// The most cores of a gateway.
const MOST_CORES: u64 = 1_024;

/// The most changes in an hour: more than SQLite's one writer takes.
const MOST_CHANGES: u64 = 100_000_000;

/// The longest outage: connectors are at their longest pause after twelve seconds, and nothing differs later.
const LONGEST_OUTAGE: u64 = 3_600;

/// The most tunnels of all gateways: each of them is simulated, a million in a few seconds.
const MOST_TUNNELS: u64 = 2_000_000;

/// The most tunnels of one gateway: ten times what was measured.
const MOST_TUNNELS_OF_A_GATEWAY: u64 = 100_000;

/// What an administrator asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) applications: u64,
    pub(super) connectors: u64,
    pub(super) gateways: u64,
    pub(super) gateways_per_connector: u64,
    pub(super) connectors_per_group: u64,
    pub(super) regions: u64,
    pub(super) cores: u64,
    pub(super) changes_per_hour: u64,
    pub(super) outage_seconds: u64,
    pub(super) seed: u64,
}

/// A layout that can be computed and simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) applications: u32,
    pub(super) connectors: u32,
    pub(super) gateways: u32,
    /// Gateways to which each connector has a tunnel.
    pub(super) gateways_per_connector: u32,
    pub(super) connectors_per_group: u32,
    pub(super) regions: u32,
    /// Cores of each gateway.
    pub(super) cores: u32,
    pub(super) changes_per_hour: u32,
    /// How long gateways are away that restart in disorder.
    pub(super) outage: Duration,
    pub(super) seed: u64,
}

/// Why something cannot be planned for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlan {
    #[error("--{option} is {given}; it can be {} to {}", grouped(*least), grouped(*most))]
    OutOfRange { option: &'static str, given: u64, least: u64, most: u64 },
    #[error("there are more regions ({regions}) than gateways ({gateways})")]
    RegionWithoutGateway { regions: u32, gateways: u32 },
    #[error(
        "a connector cannot have tunnels to {wanted} gateways: the smallest region has {}",
        grouped(u64::from(*there))
    )]
    TooFewGateways { wanted: u32, there: u32 },
    #[error("that makes {} tunnels; at most {} are simulated", grouped(*tunnels), grouped(MOST_TUNNELS))]
    TooManyTunnels { tunnels: u64 },
    #[error(
        "that makes {} tunnels at a gateway; at most {} are simulated",
        grouped(*tunnels),
        grouped(MOST_TUNNELS_OF_A_GATEWAY)
    )]
    TooManyTunnelsAtAGateway { tunnels: u64 },
}

impl Asked {
    /// The plan, or the first reason why there is none.
    pub(super) fn plan(self) -> Result<Plan, NoPlan> {
        let gateways = within("gateways", self.gateways, 1, MOST_GATEWAYS)?;
        let plan = Plan {
            applications: within("applications", self.applications, 1, MOST_APPLICATIONS)?,
            connectors: within("connectors", self.connectors, 1, MOST_CONNECTORS)?,
            gateways,
            gateways_per_connector: within("gateways-per-connector", self.gateways_per_connector, 1, MOST_GATEWAYS)?,
            connectors_per_group: within("connectors-per-group", self.connectors_per_group, 1, MOST_CONNECTORS)?,
            regions: within("regions", self.regions, 1, MOST_GATEWAYS)?,
            cores: within("cores", self.cores, 1, MOST_CORES)?,
            changes_per_hour: within("changes-per-hour", self.changes_per_hour, 0, MOST_CHANGES)?,
            outage: Duration::from_secs(within("outage", self.outage_seconds, 1, LONGEST_OUTAGE)?.into()),
            seed: self.seed,
        };
        plan.checked()
    }
}

impl Plan {
    fn checked(self) -> Result<Self, NoPlan> {
        let (regions, gateways) = (self.regions, self.gateways);
        if regions > gateways {
            return Err(NoPlan::RegionWithoutGateway { regions, gateways });
        }
        let (wanted, there) = (self.gateways_per_connector, gateways / regions);
        if wanted > there {
            return Err(NoPlan::TooFewGateways { wanted, there });
        }
        let tunnels = self.tunnels();
        if tunnels > MOST_TUNNELS {
            return Err(NoPlan::TooManyTunnels { tunnels });
        }
        let tunnels = tunnels / u64::from(gateways);
        if tunnels > MOST_TUNNELS_OF_A_GATEWAY {
            return Err(NoPlan::TooManyTunnelsAtAGateway { tunnels });
        }
        Ok(self)
    }

    /// All tunnels.
    pub(super) fn tunnels(&self) -> u64 {
        u64::from(self.connectors) * u64::from(self.gateways_per_connector)
    }
}

fn within(option: &'static str, given: u64, least: u64, most: u64) -> Result<u32, NoPlan> {
    let out_of_range = NoPlan::OutOfRange { option, given, least, most };
    match u32::try_from(given) {
        Ok(number) if (least..=most).contains(&given) => Ok(number),
        _ => Err(out_of_range),
    }
}
