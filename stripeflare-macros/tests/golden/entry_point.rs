fn app() -> App<User> {
    App::new()
}
::stripeflare::__private::entry! {
    "2", app, App < User >, "stripeflare.schema"
}
