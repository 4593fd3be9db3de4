fn app() -> App<User> {
    fn app() -> App<User> {
        App::new()
    }
    app()
        .declared(const {
            &[
                ::stripeflare::__private::Schema::table::<Note>(),
                ::stripeflare::__private::Schema::table::<shop::Item>(),
            ]
        })
}
::stripeflare::__private::entry! {
    "2", app, App < User >, "stripeflare.schema", [Note, shop::Item]
}
