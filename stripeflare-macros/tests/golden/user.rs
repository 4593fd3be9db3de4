#[automatically_derived]
impl ::stripeflare::__private::StripeUser for User {
    const COLUMNS: &'static [::stripeflare::__private::ColumnDef] = &[
        ::stripeflare::__private::ColumnDef::new(
                "tier",
                <String as ::stripeflare::__private::Column>::TYPE,
                <String as ::stripeflare::__private::Column>::NULLABLE,
            )
            .default(::stripeflare::__private::DefaultValue::Text("free"))
            .index(),
        ::stripeflare::__private::ColumnDef::new(
                "points",
                <i64 as ::stripeflare::__private::Column>::TYPE,
                <i64 as ::stripeflare::__private::Column>::NULLABLE,
            )
            .default(::stripeflare::__private::DefaultValue::Integer(-3))
            .since(2u32)
            .public(),
        ::stripeflare::__private::ColumnDef::new(
                "factor",
                <f64 as ::stripeflare::__private::Column>::TYPE,
                <f64 as ::stripeflare::__private::Column>::NULLABLE,
            )
            .default(::stripeflare::__private::DefaultValue::Real(1.0)),
        ::stripeflare::__private::ColumnDef::new(
                "news",
                <bool as ::stripeflare::__private::Column>::TYPE,
                <bool as ::stripeflare::__private::Column>::NULLABLE,
            )
            .default(::stripeflare::__private::DefaultValue::Bool(true)),
        ::stripeflare::__private::ColumnDef::new(
                "type",
                <Option<String> as ::stripeflare::__private::Column>::TYPE,
                <Option<String> as ::stripeflare::__private::Column>::NULLABLE,
            )
            .unique()
            .renamed_from("kind"),
        ::stripeflare::__private::ColumnDef::new(
                "settings",
                <::core::option::Option<
                    ::std::string::String,
                > as ::stripeflare::__private::Column>::TYPE,
                <::core::option::Option<
                    ::std::string::String,
                > as ::stripeflare::__private::Column>::NULLABLE,
            )
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
