//! The application's own tables: rows by their key, and found by an index. Whoever uses them builds the statements, in the
//! worker or in the account's object; the object runs them.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use stripeflare_schema::quoted;

use crate::schema::column::{Column, ColumnError, ColumnReader, ColumnWriter};
use crate::schema::find::{Filter, Order, OrderBy};
use crate::schema::{Schema, StripeTable, TableKey};
use crate::sql::{Row, Value};

/// Stands in the place of a [`Field`](crate::schema::Field) for a column without an index: whoever looked for it would read the
/// whole table. Write `#[column(index)]`, or read with SQL.
pub struct NotIndexed<T, C>(PhantomData<fn() -> (T, C)>);

impl<T, C> NotIndexed<T, C> {
    #[doc(hidden)]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "for the derive macro alone")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, C> fmt::Debug for NotIndexed<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotIndexed")
    }
}

/// One statement over a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub table: String,
    /// As whoever built it knows the table.
    pub layout: u32,
    pub sql: String,
    pub parameters: Vec<Value>,
}

/// Rows that one search answers at most.
pub const MOST: u32 = 1_000;

impl Statement {
    fn of<T: StripeTable>(sql: String, parameters: Vec<Value>) -> Self {
        Self { table: T::NAME.to_owned(), layout: Schema::table::<T>().layout(), sql, parameters }
    }

    /// A new row; it answers its key, or nothing where the key is taken.
    ///
    /// # Errors
    /// Says why a value cannot be stored.
    pub fn insert<T: StripeTable>(row: &T) -> Result<Self, String> {
        let mut parameters = values(row)?;
        if let Some(place) = T::COLUMNS.iter().position(|column| column.key) {
            parameters[place] = row.key().to_insert();
        }
        let marks = vec!["?"; parameters.len()].join(", ");
        let (table, key) = (quoted(T::NAME), key::<T>());
        let sql = format!(
            "INSERT INTO {table} ({}) VALUES ({marks}) ON CONFLICT ({key}) DO NOTHING RETURNING {key}",
            names::<T>()
        );
        Ok(Self::of::<T>(sql, parameters))
    }

    /// The row of a key.
    pub fn get<T: StripeTable>(wanted: &T::Key) -> Self {
        let (table, key) = (quoted(T::NAME), key::<T>());
        Self::of::<T>(format!("SELECT {} FROM {table} WHERE {key} = ?", names::<T>()), vec![wanted.to_value()])
    }

    /// Writes the row of its key; it answers nothing where there is none.
    ///
    /// # Errors
    /// Says why a value cannot be stored.
    pub fn update<T: StripeTable>(row: &T) -> Result<Self, String> {
        let mut parameters = values(row)?;
        let set: Vec<String> = T::COLUMNS.iter().map(|column| format!("{} = ?", quoted(column.name))).collect();
        parameters.push(row.key().to_value());
        let (table, key) = (quoted(T::NAME), key::<T>());
        let sql = format!("UPDATE {table} SET {} WHERE {key} = ? RETURNING {key}", set.join(", "));
        Ok(Self::of::<T>(sql, parameters))
    }

    /// Deletes the row of a key; it answers nothing where there is none.
    pub fn delete<T: StripeTable>(wanted: &T::Key) -> Self {
        let (table, key) = (quoted(T::NAME), key::<T>());
        Self::of::<T>(format!("DELETE FROM {table} WHERE {key} = ? RETURNING {key}"), vec![wanted.to_value()])
    }
}

/// What to find in a table, in which order, and how many.
pub struct Find<T> {
    condition: String,
    values: Vec<Value>,
    order: Vec<OrderBy>,
    limit: u32,
    rows: PhantomData<fn() -> T>,
}

impl<T: StripeTable> Find<T> {
    pub fn new(filter: Filter<T>) -> Self {
        let Filter { condition, values, .. } = filter;
        Self { condition, values, order: Vec::new(), limit: MOST, rows: PhantomData }
    }

    pub fn all() -> Self {
        Self::new(Filter::new("1".into(), Vec::new()))
    }

    #[must_use]
    pub fn order_by(mut self, order: Order<T>) -> Self {
        self.order.push(order.by);
        self
    }

    #[must_use]
    pub fn limit(mut self, count: u32) -> Self {
        self.limit = count.min(MOST);
        self
    }

    pub fn statement(self) -> Statement {
        let down = self.order.last().is_some_and(|by| by.descending);
        let way = |descending: bool| if descending { " DESC" } else { "" };
        let mut order = String::new();
        for by in &self.order {
            order += &format!("{}{}, ", quoted(&by.column), way(by.descending));
        }
        // What is equal has an order, too.
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {order}{}{} LIMIT {}",
            names::<T>(),
            quoted(T::NAME),
            self.condition,
            key::<T>(),
            way(down),
            self.limit
        );
        Statement::of::<T>(sql, self.values)
    }
}

impl<T> fmt::Debug for Find<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Find").field(&self.condition).finish()
    }
}

/// The rows that a statement answered.
///
/// # Errors
/// When a value does not fit its column's type.
pub fn rows_of<T: StripeTable>(rows: &[Row]) -> Result<Vec<T>, ColumnError> {
    rows.iter().map(|row| T::read(&mut ColumnReader::new(row))).collect()
}

/// The key that a statement answered.
///
/// # Errors
/// When it does not fit its type.
pub fn key_of<T: StripeTable>(rows: &[Row]) -> Result<Option<T::Key>, ColumnError> {
    rows.first().map(|row| ColumnReader::new(row).next(T::NAME)).transpose()
}

fn values<T: StripeTable>(row: &T) -> Result<Vec<Value>, String> {
    let mut writer = ColumnWriter::default();
    row.write(&mut writer);
    writer.finish(T::COLUMNS)
}

fn key<T: StripeTable>() -> String {
    quoted(T::COLUMNS.iter().find(|column| column.key).map_or("rowid", |column| column.name))
}

fn names<T: StripeTable>() -> String {
    T::COLUMNS.iter().map(|column| quoted(column.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::{ColumnDef, ColumnType};

    use super::*;
    use crate::schema::{Columns, Field, migrate};
    use crate::sql::Sql;
    use crate::tables::Role;
    use crate::testing::database;

    #[derive(Clone, Debug, PartialEq)]
    struct Note {
        id: i64,
        tag: String,
        at: i64,
    }

    impl Note {
        const TAG: Field<Self, String> = Field::new("tag");
        const AT: Field<Self, i64> = Field::new("at");
    }

    impl Columns for Note {
        const COLUMNS: &'static [ColumnDef] = &[
            ColumnDef::new("id", ColumnType::Integer, false).key(),
            ColumnDef::new("tag", ColumnType::Text, false).index(),
            ColumnDef::new("at", ColumnType::Integer, false).index(),
        ];

        fn read(row: &mut ColumnReader<'_>) -> Result<Self, ColumnError> {
            Ok(Self { id: row.next("id")?, tag: row.next("tag")?, at: row.next("at")? })
        }

        fn write(&self, row: &mut ColumnWriter) {
            row.push(&self.id);
            row.push(&self.tag);
            row.push(&self.at);
        }
    }

    impl StripeTable for Note {
        type Key = i64;
        const NAME: &'static str = "note";

        fn key(&self) -> &i64 {
            &self.id
        }
    }

    fn note(id: i64, tag: &str, at: i64) -> Note {
        Note { id, tag: tag.into(), at }
    }

    fn set_up() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &Schema::of::<()>().with(&const { [Schema::table::<Note>()] })).unwrap();
        sql
    }

    fn run(sql: &dyn Sql, statement: &Statement) -> Vec<Row> {
        sql.run(&statement.sql, &statement.parameters).unwrap()
    }

    fn insert(sql: &dyn Sql, row: &Note) -> Option<i64> {
        key_of::<Note>(&run(sql, &Statement::insert(row).unwrap())).unwrap()
    }

    fn get(sql: &dyn Sql, id: i64) -> Option<Note> {
        rows_of(&run(sql, &Statement::get::<Note>(&id))).unwrap().pop()
    }

    #[test]
    fn a_row_is_written_read_changed_and_deleted_by_its_key() {
        let sql = set_up();
        assert_eq!((insert(&sql, &note(0, "a", 1)), insert(&sql, &note(0, "b", 2))), (Some(1), Some(2)));
        assert_eq!((insert(&sql, &note(7, "c", 3)), insert(&sql, &note(7, "d", 4))), (Some(7), None), "it is taken");
        assert_eq!((get(&sql, 7), get(&sql, 3)), (Some(note(7, "c", 3)), None));
        let update = |row: &Note| key_of::<Note>(&run(&sql, &Statement::update(row).unwrap())).unwrap();
        assert_eq!((update(&note(7, "e", 5)), update(&note(3, "e", 5))), (Some(7), None));
        assert_eq!(get(&sql, 7), Some(note(7, "e", 5)));
        let delete = |id: i64| key_of::<Note>(&run(&sql, &Statement::delete::<Note>(&id))).unwrap();
        assert_eq!((delete(7), delete(7), get(&sql, 7)), (Some(7), None, None));
        let too_large = Statement::insert(&note(0, "a", i64::MAX)).unwrap_err();
        assert!(too_large.starts_with("`at` cannot be"), "{too_large}");
    }

    #[test]
    fn rows_are_found_in_their_order_and_no_more_than_wanted() {
        let sql = set_up();
        for (tag, at) in [("a", 3), ("b", 2), ("a", 2), ("a", 1)] {
            insert(&sql, &note(0, tag, at));
        }
        let ids = |find: Find<Note>| {
            let rows: Vec<Note> = rows_of(&run(&sql, &find.statement())).unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Find::all()), [1, 2, 3, 4]);
        assert_eq!(ids(Find::new(Note::TAG.eq("a")).order_by(Note::AT.asc())), [4, 3, 1]);
        assert_eq!(ids(Find::all().order_by(Note::AT.desc())), [1, 3, 2, 4], "what is equal goes the same way");
        assert_eq!(ids(Find::new(Note::AT.lt(3)).order_by(Note::AT.desc()).limit(2)), [3, 2]);
        assert!(ids(Find::all().limit(0)).is_empty());
    }
}
