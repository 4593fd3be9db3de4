use crate::account::scene::{Scene, dispute, lost, refund};
use crate::sql::{Sql, Value};

#[test]
fn an_entry_says_what_the_balance_was_after_it() {
    let scene = Scene::new(1, 100);
    let later = |act: &dyn Fn()| {
        scene.wait(1);
        act();
    };
    later(&|| scene.spend("a", 30));
    later(&|| scene.pay("more", 20));
    later(&|| scene.reverse("own", &refund("re", 15)));
    later(&|| scene.reverse("more", &lost(&dispute("du", 20))));
    later(&|| scene.spend("b", 5));
    let rows = scene.sql.run("SELECT balance / 10000 FROM entries ORDER BY at", &[]).unwrap();
    assert_eq!(rows, [100, 70, 90, 75, 55, 50].map(|cents| [Value::Integer(cents)]));
}
