#[automatically_derived]
impl Note {
    ///The column `id`, to find rows by.
    #[allow(non_upper_case_globals, dead_code)]
    pub const id: ::stripeflare::__private::Field<Self, i64> = ::stripeflare::__private::Field::new(
        "id",
    );
    ///The column `tag`, to find rows by.
    #[allow(non_upper_case_globals, dead_code)]
    pub const tag: ::stripeflare::__private::Field<Self, String> = ::stripeflare::__private::Field::new(
        "tag",
    );
    ///The column `text`, to find rows by.
    #[allow(non_upper_case_globals, dead_code)]
    pub const text: ::stripeflare::__private::NotIndexed<Self, String> = ::stripeflare::__private::NotIndexed::new();
}
#[automatically_derived]
impl ::stripeflare::__private::StripeTable for Note {
    type Key = i64;
    const NAME: &'static str = "note";
    fn key(&self) -> &i64 {
        &self.id
    }
}
#[automatically_derived]
impl ::stripeflare::__private::Columns for Note {
    const COLUMNS: &'static [::stripeflare::__private::ColumnDef] = &[
        ::stripeflare::__private::column::<i64>("id").key(),
        ::stripeflare::__private::column::<String>("tag").index(),
        ::stripeflare::__private::column::<String>("text"),
    ];
    fn read(
        __row: &mut ::stripeflare::__private::ColumnReader<'_>,
    ) -> ::core::result::Result<Self, ::stripeflare::__private::ColumnError> {
        ::core::result::Result::Ok(Self {
            id: __row.next::<i64>("id")?,
            tag: __row.next::<String>("tag")?,
            text: __row.next::<String>("text")?,
        })
    }
    fn write(&self, __row: &mut ::stripeflare::__private::ColumnWriter) {
        __row.push::<i64>(&self.id);
        __row.push::<String>(&self.tag);
        __row.push::<String>(&self.text);
    }
}
