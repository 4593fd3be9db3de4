#[automatically_derived]
impl ::stripeflare::__private::StripeUser for User {
    const NAME: &'static str = "User";
}
#[automatically_derived]
impl ::stripeflare::__private::Columns for User {
    const COLUMNS: &'static [::stripeflare::__private::ColumnDef] = &[];
    fn read(
        __row: &mut ::stripeflare::__private::ColumnReader<'_>,
    ) -> ::core::result::Result<Self, ::stripeflare::__private::ColumnError> {
        ::core::result::Result::Ok(Self {})
    }
    fn write(&self, __row: &mut ::stripeflare::__private::ColumnWriter) {}
}
#[automatically_derived]
impl ::stripeflare::__private::RowOf<User> for User {}
#[automatically_derived]
impl ::stripeflare::__private::RowOf<::stripeflare::__private::NoApp> for User {}
