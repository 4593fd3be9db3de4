#[automatically_derived]
impl User {
    ///The column `tier`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const tier: ::stripeflare::__private::Field<Self, String> = ::stripeflare::__private::Field::new(
        "tier",
    );
    ///The column `points`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const points: ::stripeflare::__private::Field<Self, i64> = ::stripeflare::__private::Field::new(
        "points",
    );
    ///The column `factor`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const factor: ::stripeflare::__private::Field<Self, f64> = ::stripeflare::__private::Field::new(
        "factor",
    );
    ///The column `news`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const news: ::stripeflare::__private::Field<Self, bool> = ::stripeflare::__private::Field::new(
        "news",
    );
    ///The column `type`, to find users by.
    #[allow(non_upper_case_globals, dead_code)]
    const r#type: ::stripeflare::__private::Field<Self, Option<String>> = ::stripeflare::__private::Field::new(
        "type",
    );
}
#[automatically_derived]
impl ::stripeflare::__private::StripeUser for User {
    const NAME: &'static str = "User";
}
#[automatically_derived]
impl ::stripeflare::__private::Columns for User {
    const COLUMNS: &'static [::stripeflare::__private::ColumnDef] = &[
        ::stripeflare::__private::column_with_default::<
            String,
        >("tier", ::stripeflare::__private::DefaultValue::Text("free"))
            .index(),
        ::stripeflare::__private::column_with_default::<
            i64,
        >("points", ::stripeflare::__private::DefaultValue::Integer(-3))
            .since(2u32)
            .public(),
        ::stripeflare::__private::column_with_default::<
            f64,
        >("factor", ::stripeflare::__private::DefaultValue::Real(1.0)),
        ::stripeflare::__private::column_with_default::<
            bool,
        >("news", ::stripeflare::__private::DefaultValue::Bool(true)),
        ::stripeflare::__private::column::<Option<String>>("type")
            .since(2u32)
            .unique()
            .renamed_from("kind"),
        ::stripeflare::__private::column::<
            ::core::option::Option<::std::string::String>,
        >("settings")
            .shown(::stripeflare::__private::Shown::Json)
            .since(2u32),
    ];
    fn read(
        __row: &mut ::stripeflare::__private::ColumnReader<'_>,
    ) -> ::core::result::Result<Self, ::stripeflare::__private::ColumnError> {
        ::core::result::Result::Ok(Self {
            tier: __row.next::<String>("tier")?,
            points: __row.next::<i64>("points")?,
            factor: __row.next::<f64>("factor")?,
            news: __row.next::<bool>("news")?,
            r#type: __row.next::<Option<String>>("type")?,
            settings: __row.next_json::<Option<Settings>>("settings")?,
        })
    }
    fn write(&self, __row: &mut ::stripeflare::__private::ColumnWriter) {
        __row.push::<String>(&self.tier);
        __row.push::<i64>(&self.points);
        __row.push::<f64>(&self.factor);
        __row.push::<bool>(&self.news);
        __row.push::<Option<String>>(&self.r#type);
        __row.push_json::<Option<Settings>>(&self.settings);
    }
}
#[automatically_derived]
impl ::stripeflare::__private::RowOf<User> for User {}
#[automatically_derived]
impl ::stripeflare::__private::RowOf<::stripeflare::__private::NoApp> for User {}
