/// How SQLite stores a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `INTEGER`
    Integer,
    /// `REAL`
    Real,
    /// `TEXT`
    Text,
    /// `BLOB`
    Blob,
}

impl ColumnType {
    /// As SQLite spells it.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }

    /// What a column that is neither optional nor given a default starts with.
    #[must_use]
    pub const fn zero(self) -> DefaultValue {
        match self {
            Self::Integer => DefaultValue::Integer(0),
            Self::Real => DefaultValue::Real(0.0),
            Self::Text => DefaultValue::Text(""),
            Self::Blob => DefaultValue::Blob(&[]),
        }
    }
}

/// How a stored value is shown in JSON and on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As SQLite has it.
    Plain,
    /// 0 and 1 as `false` and `true`.
    Bool,
    /// Ten-thousandths of a cent as cents.
    Cents,
    /// Milliseconds since 1970.
    Timestamp,
    /// A text of JSON as what it says.
    Json,
}

/// A column's constant default.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "named after what they hold")]
pub enum DefaultValue {
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(&'static str),
    Blob(&'static [u8]),
}

impl DefaultValue {
    /// As SQL spells it.
    #[must_use]
    pub fn literal(self) -> String {
        match self {
            Self::Bool(truth) => i64::from(truth).to_string(),
            Self::Integer(integer) => integer.to_string(),
            // With a point or an exponent, so that it reads as REAL.
            Self::Real(real) => format!("{real:?}"),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Blob(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("x'{hex}'")
            }
        }
    }
}

/// One declared column.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "named after the keys of `#[column(…)]`")]
pub struct ColumnDef {
    pub name: &'static str,
    pub column_type: ColumnType,
    pub nullable: bool,
    pub shown: Shown,
    pub default: Option<DefaultValue>,
    pub index: bool,
    pub unique: bool,
    pub since: u32,
    pub public: bool,
    pub renamed_from: Option<&'static str>,
    pub key: bool,
}

#[allow(missing_docs, reason = "called by the derive macro alone; each sets the field of its name")]
impl ColumnDef {
    #[must_use]
    pub const fn new(name: &'static str, column_type: ColumnType, nullable: bool) -> Self {
        Self {
            name,
            column_type,
            nullable,
            shown: Shown::Plain,
            default: None,
            index: false,
            unique: false,
            since: 1,
            public: false,
            renamed_from: None,
            key: false,
        }
    }

    #[must_use]
    pub const fn shown(mut self, shown: Shown) -> Self {
        self.shown = shown;
        self
    }

    #[must_use]
    pub const fn default(mut self, value: DefaultValue) -> Self {
        self.default = Some(value);
        self
    }

    #[must_use]
    pub const fn index(mut self) -> Self {
        self.index = true;
        self
    }

    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    #[must_use]
    pub const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }

    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    #[must_use]
    pub const fn renamed_from(mut self, name: &'static str) -> Self {
        self.renamed_from = Some(name);
        self
    }

    #[must_use]
    pub const fn key(mut self) -> Self {
        self.key = true;
        self
    }

    /// What a new row holds; `None` stands for `NULL`.
    #[must_use]
    pub fn initial(&self) -> Option<DefaultValue> {
        self.default.or((!self.nullable).then_some(self.column_type.zero()))
    }

    /// Its name in the table of a version.
    pub(crate) fn name_at(&self, version: u32) -> &'static str {
        self.renamed_from.filter(|_| version < self.since).unwrap_or(self.name)
    }
}

/// A column that versions before `since` had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the keys of `dropped(…)`")]
pub struct Dropped {
    pub name: &'static str,
    pub since: u32,
}

impl Dropped {
    /// `name` is gone from version `since` on.
    #[must_use]
    pub const fn new(name: &'static str, since: u32) -> Self {
        Self { name, since }
    }
}

/// An index over several columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the keys of `index(…)`")]
pub struct IndexDef {
    pub columns: &'static [&'static str],
    pub since: u32,
}

impl IndexDef {
    /// An index over `columns` from version `since` on.
    #[must_use]
    pub const fn new(columns: &'static [&'static str], since: u32) -> Self {
        Self { columns, since }
    }
}

/// SQL of one version, run after its columns were added and before any are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the keys of `migration(…)`")]
pub struct Step {
    pub version: u32,
    pub sql: &'static str,
}

impl Step {
    /// `sql` runs once, with version `version`.
    #[must_use]
    pub const fn new(version: u32, sql: &'static str) -> Self {
        Self { version, sql }
    }
}

/// The wallet's table, to which an application adds columns. All others are an application's own.
pub const USERS: &str = "users";

/// What a type declares of its table, without the type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "named after what they hold")]
pub struct Schema {
    pub table: &'static str,
    pub columns: &'static [ColumnDef],
    pub dropped: &'static [Dropped],
    pub indexes: &'static [IndexDef],
    pub steps: &'static [Step],
}

impl Schema {
    /// The column that finds a row; `users` has none.
    #[must_use]
    pub fn key(&self) -> Option<&ColumnDef> {
        self.columns.iter().find(|column| column.key)
    }

    /// The newest version that anything was declared for; 0 without any columns.
    #[must_use]
    pub const fn version(&self) -> u32 {
        const fn larger(a: u32, b: u32) -> u32 {
            if a > b { a } else { b }
        }
        let mut version = 0;
        let mut at = 0;
        while at < self.columns.len() {
            version = larger(version, self.columns[at].since);
            at += 1;
        }
        at = 0;
        while at < self.dropped.len() {
            version = larger(version, self.dropped[at].since);
            at += 1;
        }
        at = 0;
        while at < self.indexes.len() {
            version = larger(version, self.indexes[at].since);
            at += 1;
        }
        at = 0;
        while at < self.steps.len() {
            version = larger(version, self.steps[at].version);
            at += 1;
        }
        version
    }

    /// A number that differs, in all likelihood, between schemas whose rows are not laid out alike.
    #[must_use]
    pub const fn layout(&self) -> u32 {
        // FNV-1a over the version and the names in their order.
        const PRIME: u32 = 16_777_619;
        let mut hash = 2_166_136_261_u32 ^ self.version();
        hash = hash.wrapping_mul(PRIME);
        let mut at = 0;
        while at < self.columns.len() {
            let name = self.columns[at].name.as_bytes();
            let mut byte = 0;
            while byte < name.len() {
                hash = (hash ^ name[byte] as u32).wrapping_mul(PRIME);
                byte += 1;
            }
            hash = (hash ^ 0xff).wrapping_mul(PRIME);
            at += 1;
        }
        hash
    }
}
