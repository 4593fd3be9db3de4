//! In the aggregate: finds accounts by their columns, a page after the other.

use serde::{Deserialize, Serialize};

use crate::account::AccountRow;
use crate::schema::{OrderBy, Schema};
use crate::sql::{Reader, Row, Sql, SqlError, Value};

/// What is looked for, and from where on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// An expression of SQL with a `?` for each value.
    pub condition: String,
    pub values: Vec<Value>,
    pub order: Vec<OrderBy>,
    /// Where the page before ended.
    pub after: Option<Vec<Value>>,
    /// The length of the page.
    pub limit: u32,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub accounts: Vec<AccountRow>,
    /// Where the next one begins, if there may be one.
    pub after: Option<Vec<Value>>,
}

/// A page is not larger than that, if it has more than one account.
const PAGE_BYTES: usize = 4 << 20;

/// Finds a page of accounts. Nothing is written.
///
/// A page begins after the values of the account that ended the one before, so that accounts that come and go between two
/// pages make none of the others appear twice or not at all.
pub fn find(sql: &dyn Sql, schema: &Schema, query: &Query) -> Result<Page, SqlError> {
    let mut order = query.order.clone();
    // Of those that are equal so far, each has its place.
    order.push(OrderBy { column: "account_id".into(), descending: false });
    let mut values = query.values.clone();
    let mut condition = format!("({})", query.condition);
    if let Some(after) = &query.after {
        condition += &format!(" AND ({})", beyond(&order, after, &mut values)?);
    }
    let names: Vec<String> = order.iter().map(|by| stripeflare_schema::quoted(&by.column)).collect();
    let ways = order.iter().zip(&names).map(|(by, name)| format!("{name}{}", if by.descending { " DESC" } else { "" }));
    let statement = format!(
        "{}{}, {} FROM users WHERE {condition} ORDER BY {} LIMIT ?",
        AccountRow::SELECT,
        schema.select_list(),
        names.join(", "),
        ways.collect::<Vec<_>>().join(", "),
    );
    values.push(i64::from(query.limit).into());
    let rows = sql.run(&statement, &values)?;
    let is_full = rows.len() == query.limit as usize;
    let mut page = Page { accounts: Vec::new(), after: None };
    let mut bytes = 0;
    let count = rows.len();
    for (place, mut row) in rows.into_iter().enumerate() {
        bytes += size(&row);
        let after = row.split_off(row.len() - order.len());
        page.accounts.push(AccountRow::read(row, schema)?);
        let is_last = place + 1 == count;
        if bytes > PAGE_BYTES && !is_last || is_last && is_full {
            page.after = Some(after);
            break;
        }
    }
    Ok(page)
}

/// How many accounts a condition holds for.
pub fn count(sql: &dyn Sql, query: &Query) -> Result<i64, SqlError> {
    let statement = format!("SELECT COUNT(*) FROM users WHERE {}", query.condition);
    Reader::new(sql.run(&statement, &query.values)?.pop().unwrap_or_default()).integer()
}

fn size(row: &Row) -> usize {
    let length = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => 2 * bytes.len(),
        _ => 16,
    };
    row.iter().map(length).sum()
}

/// The condition of a row that comes after one with these values: it is beyond in one column, and equal in those before.
fn beyond(order: &[OrderBy], after: &[Value], values: &mut Vec<Value>) -> Result<String, SqlError> {
    if order.len() != after.len() {
        return Err(SqlError("a page of another order".into()));
    }
    let mut cases = Vec::new();
    for (place, (by, last)) in order.iter().zip(after).enumerate() {
        let name = stripeflare_schema::quoted(&by.column);
        // NULL is the smallest.
        let step = match (by.descending, last) {
            (false, Value::Null) => format!("{name} IS NOT NULL"),
            (true, Value::Null) => continue,
            (false, _) => format!("{name} > ?"),
            (true, _) => format!("({name} < ? OR {name} IS NULL)"),
        };
        let mut parts = Vec::new();
        for (by, last) in order.iter().zip(after).take(place) {
            parts.push(format!("{} IS ?", stripeflare_schema::quoted(&by.column)));
            values.push(last.clone());
        }
        if *last != Value::Null {
            values.push(last.clone());
        }
        parts.push(step);
        cases.push(parts.join(" AND "));
    }
    Ok(cases.join(" OR "))
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::{ColumnDef, ColumnType};

    use super::*;
    use crate::identity::AccountId;
    use crate::schema::{Field, Filter, Order, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const POINTS: Field<(), Option<i64>> = Field::new("points");
    const TIER: Field<(), String> = Field::new("tier");

    fn schema() -> Schema {
        let columns = &const {
            [ColumnDef::new("points", ColumnType::Integer, true), ColumnDef::new("tier", ColumnType::Text, false)]
        };
        stripeflare_schema::Schema { table: stripeflare_schema::USERS, columns, dropped: &[], indexes: &[], steps: &[] }
            .into()
    }

    type Person = (AccountId, Option<i64>, &'static str);

    /// Accounts with points from 0 to 6 and none, over and over, of two tiers.
    fn filled(count: usize) -> (rusqlite::Connection, Vec<Person>) {
        let sql = database();
        migrate(&sql, Role::Aggregate, &schema()).unwrap();
        let mut all = Vec::new();
        for number in 0..count {
            let id = AccountId::from_hash(&[(number * 37 % 251) as u8; 32]);
            let points = Some((number % 8) as i64).filter(|points| *points < 7);
            let tier = if number % 3 == 0 { "pro" } else { "free" };
            sql.run(
                "INSERT INTO users (account_id, registered_at, points, tier) VALUES (?, 0, ?, ?)",
                &[id.as_str().into(), points.into(), tier.into()],
            )
            .unwrap();
            all.push((id, points, tier));
        }
        (sql, all)
    }

    fn found(sql: &rusqlite::Connection, filter: &Filter<()>, order: &[Order<()>], limit: u32) -> Vec<AccountId> {
        let order = order.iter().map(|order| order.by.clone()).collect();
        let (condition, values) = (filter.condition.clone(), filter.values.clone());
        let mut query = Query { condition, values, order, after: None, limit };
        let mut ids = Vec::new();
        loop {
            let page = find(sql, &schema(), &query).unwrap();
            ids.extend(page.accounts.into_iter().map(|account| account.id));
            query.after = page.after;
            if query.after.is_none() {
                return ids;
            }
        }
    }

    #[test]
    fn pages_of_any_length_are_the_whole_in_its_order() {
        let (sql, mut all) = filled(100);
        let any = Filter::new("1".into(), Vec::new());
        for descending in [false, true] {
            all.sort_by(|a, b| {
                let points = if descending { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) };
                points.then(b.2.cmp(a.2)).then(a.0.as_str().cmp(b.0.as_str()))
            });
            let expected: Vec<_> = all.iter().map(|(id, ..)| id.clone()).collect();
            for limit in [1, 2, 3, 7, 50, 99, 100, 101] {
                let by_points = if descending { POINTS.desc() } else { POINTS.asc() };
                assert_eq!(found(&sql, &any, &[by_points, TIER.desc()], limit), expected, "{descending} {limit}");
            }
        }
        let mut ids: Vec<_> = all.iter().map(|(id, ..)| id.clone()).collect();
        ids.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        assert_eq!(found(&sql, &any, &[], 7), ids);
    }

    #[test]
    fn filters_find_what_they_say() {
        type Is = fn(Option<i64>, &str) -> bool;
        let (sql, all) = filled(64);
        let cases: Vec<(Filter<()>, Is)> = vec![
            (TIER.eq("pro"), |_, tier| tier == "pro"),
            (TIER.ne("pro"), |_, tier| tier != "pro"),
            (POINTS.eq(3), |points, _| points == Some(3)),
            (POINTS.eq(None), |points, _| points.is_none()),
            (POINTS.ne(3), |points, _| points != Some(3)),
            (POINTS.is_none(), |points, _| points.is_none()),
            (POINTS.is_some(), |points, _| points.is_some()),
            (POINTS.lt(3), |points, _| points.is_some_and(|points| points < 3)),
            (POINTS.le(3), |points, _| points.is_some_and(|points| points <= 3)),
            (POINTS.gt(3), |points, _| points.is_some_and(|points| points > 3)),
            (POINTS.ge(3), |points, _| points.is_some_and(|points| points >= 3)),
            (!POINTS.ge(3), |points, _| points.is_none_or(|points| points < 3)),
            (POINTS.one_of([1, 5]), |points, _| matches!(points, Some(1 | 5))),
            (POINTS.one_of([0; 0]), |_, _| false),
            (POINTS.eq(1).or(POINTS.eq(2)).and(TIER.eq("pro")), |points, tier| {
                matches!(points, Some(1 | 2)) && tier == "pro"
            }),
            (POINTS.eq(1).or(POINTS.eq(2).and(TIER.eq("pro"))), |points, tier| {
                points == Some(1) || points == Some(2) && tier == "pro"
            }),
            (TIER.eq("' OR 1 = 1 --"), |_, _| false),
        ];
        for (filter, is) in cases {
            let mut expected: Vec<_> =
                all.iter().filter(|(_, points, tier)| is(*points, tier)).map(|(id, ..)| id.clone()).collect();
            expected.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            assert_eq!(found(&sql, &filter, &[], 10), expected, "{filter:?}");
            let (condition, values) = (filter.condition, filter.values);
            let query = Query { condition, values, order: Vec::new(), after: None, limit: 1 };
            assert_eq!(count(&sql, &query).unwrap(), expected.len() as i64);
        }
    }

    #[test]
    fn large_rows_make_short_pages() {
        let (sql, all) = filled(10);
        sql.run("UPDATE users SET tier = ?", &["x".repeat(1_000_000).into()]).unwrap();
        let any: Filter<()> = Filter::new("1".into(), Vec::new());
        let query = Query { condition: "1".into(), values: Vec::new(), order: Vec::new(), after: None, limit: 50 };
        assert_eq!(find(&sql, &schema(), &query).unwrap().accounts.len(), 5);
        assert_eq!(found(&sql, &any, &[], 50).len(), all.len());
    }
}
