use super::*;
use crate::account::scene::{NOW, Scene};

fn usage(scene: &Scene) -> Vec<(i64, u64)> {
    let usage = scene.act(|wallet| Ok(wallet.account.usage.clone()));
    usage.into_iter().map(|usage| (usage.day - NOW / DAY_MS, usage.calls)).collect()
}

#[test]
fn totals_are_kept_until_they_are_told_and_their_day_is_over() {
    let scene = Scene::new(1, 100);
    let snapshot = || scene.act(|wallet| Ok(wallet.unsent()?.unwrap()));
    let sent = |snapshot: &Snapshot| {
        scene.act(|wallet| {
            wallet.sent(snapshot);
            Ok(())
        });
    };
    scene.spend("a", 1);
    let early = snapshot();
    sent(&early);
    assert_eq!(usage(&scene), [(0, 1)], "the day is not over");
    scene.spend("b", 1);
    scene.wait(DAY_MS);
    sent(&early);
    assert_eq!(usage(&scene), [(0, 2)], "nobody was told of the second call");
    scene.spend("c", 1);
    sent(&snapshot());
    assert_eq!(usage(&scene), [(1, 1)]);
}
