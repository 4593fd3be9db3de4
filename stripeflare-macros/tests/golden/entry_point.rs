fn app() -> App<User> {
    App::new()
}
::stripeflare::__private::entry! {
    "2", app, < App < User > as ::stripeflare::__private::AppType > ::User,
    "stripeflare.schema"
}
