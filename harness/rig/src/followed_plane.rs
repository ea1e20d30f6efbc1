//! How what is deployed on the control plane comes to run at the edge.

use std::sync::{Arc, Mutex, PoisonError};

use edgeproof_cloudflare::plane::{ControlPlane, Snapshot};
use edgeproof_ground::causes;
use tokio::task::JoinHandle;

use super::{RigError, desired::DesiredState, publisher::Publisher};

/// A control plane whose changes come to the edge by themselves. Dropping it ends it.
pub(super) struct FollowedPlane {
    followed: Arc<Followed>,
    task: JoinHandle<()>,
}

struct Followed {
    plane: ControlPlane,
    publisher: Arc<Publisher>,
    /// Whoever publishes: what was published last is then the latest.
    turn: tokio::sync::Mutex<()>,
    failed: Mutex<Option<String>>,
}

impl FollowedPlane {
    /// Follows the plane, whose workers run by now.
    pub(super) fn follow(plane: ControlPlane, publisher: &Arc<Publisher>) -> Self {
        let mut changes = plane.pending().follow();
        let followed = Arc::new(Followed {
            plane,
            publisher: Arc::clone(publisher),
            turn: tokio::sync::Mutex::default(),
            failed: Mutex::default(),
        });
        let follower = Arc::clone(&followed);
        let task = tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                let _turn = follower.turn.lock().await;
                let pending = follower.plane.pending();
                // Somebody may have published a later state meanwhile.
                if pending.is_waiting(&change) {
                    follower.publish(change.snapshot.clone()).await;
                    pending.done(&change);
                }
            }
        });
        Self { followed, task }
    }

    /// The API.
    pub(super) fn api(&self) -> &ControlPlane {
        &self.followed.plane
    }

    /// Brings what the account holds to the edge now, whatever the delay.
    pub(super) async fn publish(&self) -> Result<(), RigError> {
        let _turn = self.followed.turn.lock().await;
        let plane = &self.followed.plane;
        self.followed.publish(plane.snapshot()).await;
        plane.pending().clear();
        self.followed.outcome()
    }

    /// Waits until the edge has everything that is due.
    pub(super) async fn settled(&self) -> Result<(), RigError> {
        self.followed.plane.pending().settled().await;
        self.followed.outcome()
    }
}

impl Drop for FollowedPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followed {
    async fn publish(&self, snapshot: Snapshot) {
        let desired = DesiredState::deployed(snapshot);
        let failed = self.publisher.publish(desired).await.err();
        let failed = failed.map(|error| causes::with_causes(&error));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    fn outcome(&self) -> Result<(), RigError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failed.clone() {
            Some(why) => Err(RigError::Propagation(why)),
            None => Ok(()),
        }
    }
}
