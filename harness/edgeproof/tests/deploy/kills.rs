//! A run that is killed at any moment, with no chance to undo anything.

use std::sync::Arc;

use edgeproof_cloudflare::deploy::Action;

use crate::{
    gate::Gate,
    world::{FILE, World, apply, delete, deployer, edited},
};

/// Begins something through a door, and kills it before its n-th request. Returns whether it got so far.
async fn kill<T: Send + 'static>(
    world: &Arc<World>,
    n: usize,
    begin: impl AsyncFnOnce(edgeproof_cloudflare::deploy::Deployer) -> T,
) -> bool {
    let gate = Gate::open();
    let base = gate.to(world.plane.address()).await;
    let management = gate.to(world.platform.address()).await;
    let through = deployer(
        &world.plane,
        &world.platform,
        &format!("http://{base}/client/v4"),
        &format!("http://{management}"),
    );
    let (reached, was_reached) = tokio::sync::oneshot::channel();
    gate.before(n, async move {
        let _ = reached.send(());
        std::future::pending::<()>().await;
    });
    tokio::select! {
        _ = begin(through) => false,
        _ = was_reached => true,
    }
}

#[tokio::test]
async fn wherever_a_creation_is_killed_the_next_one_ends_it() {
    for n in 1.. {
        let world = Arc::new(World::new().await);
        if !kill(&world, n, async |through| {
            apply(&through, FILE).await.is_ok()
        })
        .await
        {
            assert!(n > 15, "{n}");
            return;
        }
        world.take_over(FILE).await.unwrap();
        world.assert_deployed();
        assert_eq!(world.apply(FILE).await.unwrap(), Action::Nothing, "{n}");
        world.delete().await.unwrap();
        assert!(world.is_untouched(), "{n}");
    }
}

#[tokio::test]
async fn wherever_an_edit_is_killed_the_next_one_ends_it_or_takes_it_back() {
    for back in [true, false] {
        for n in 1.. {
            let world = Arc::new(World::new().await);
            world.apply(FILE).await.unwrap();
            let killed = kill(&world, n, async |through| {
                apply(&through, &edited()).await.is_ok()
            });
            if !killed.await {
                assert!(n > 15, "{n}");
                break;
            }
            let file = if back { FILE.to_owned() } else { edited() };
            world.take_over(&file).await.unwrap();
            assert_eq!(world.apply(&file).await.unwrap(), Action::Nothing, "{n}");
            if back {
                world.assert_deployed();
            }
            assert_eq!(world.keys(), 2);
        }
    }
}

#[tokio::test]
async fn wherever_a_deletion_is_killed_the_next_one_ends_it() {
    for n in 1.. {
        let world = Arc::new(World::new().await);
        world.apply(FILE).await.unwrap();
        if !kill(&world, n, async |through| delete(&through).await.is_ok()).await {
            assert!(n > 10, "{n}");
            return;
        }
        world.delete().await.unwrap();
        assert!(world.is_untouched(), "{n}");
    }
}
