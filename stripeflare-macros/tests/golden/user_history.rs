#[automatically_derived]
impl User {
    ///The column `tier`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const tier: renamed::stripeflare::__private::Field<Self, String> = renamed::stripeflare::__private::Field::new(
        "tier",
    );
    ///The column `points`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const points: renamed::stripeflare::__private::Field<Self, i64> = renamed::stripeflare::__private::Field::new(
        "points",
    );
}
#[automatically_derived]
impl renamed::stripeflare::__private::StripeUser for User {
    const NAME: &'static str = "User";
}
#[automatically_derived]
impl renamed::stripeflare::__private::Columns for User {
    const COLUMNS: &'static [renamed::stripeflare::__private::ColumnDef] = &[
        renamed::stripeflare::__private::column::<String>("tier"),
        renamed::stripeflare::__private::column::<i64>("points"),
    ];
    const DROPPED: &'static [renamed::stripeflare::__private::Dropped] = &[
        renamed::stripeflare::__private::Dropped::new("legacy", 3u32),
    ];
    const INDEXES: &'static [renamed::stripeflare::__private::IndexDef] = &[
        renamed::stripeflare::__private::IndexDef::new(&["tier", "points"], 2u32),
        renamed::stripeflare::__private::IndexDef::new(&["points"], 2u32),
    ];
    const STEPS: &'static [renamed::stripeflare::__private::Step] = &[
        renamed::stripeflare::__private::Step::new(
            4u32,
            "UPDATE users SET points = points * 10",
        ),
    ];
    fn read(
        __row: &mut renamed::stripeflare::__private::ColumnReader<'_>,
    ) -> ::core::result::Result<Self, renamed::stripeflare::__private::ColumnError> {
        ::core::result::Result::Ok(Self {
            tier: __row.next::<String>("tier")?,
            points: __row.next::<i64>("points")?,
        })
    }
    fn write(&self, __row: &mut renamed::stripeflare::__private::ColumnWriter) {
        __row.push::<String>(&self.tier);
        __row.push::<i64>(&self.points);
    }
}
#[automatically_derived]
impl renamed::stripeflare::__private::RowOf<User> for User {}
#[automatically_derived]
impl renamed::stripeflare::__private::RowOf<renamed::stripeflare::__private::NoApp>
for User {}
