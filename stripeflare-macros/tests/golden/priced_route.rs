fn reverse(
    __request: ::stripeflare::__private::Request,
) -> ::stripeflare::__private::ResponseFuture {
    use ::stripeflare::__private as __p;
    use priced as _;
    const __PRICE: __p::Price = __p::Price::exact(__p::Cents::from_units(2500i64))
        .hold_seconds(120u32);
    __p::run(async move {
        let (__call, mut __parts, __body) = __p::Call::begin(__request, &__PRICE).await?;
        let __a0 = __p::from_parts::<Path<u32>>(&mut __parts).await?;
        let __a1 = __p::from_request::<Json<Text>, _>(__parts, __body).await?;
        let __charge = __call.reserve().await?;
        let __response = __p::into_response(reverse::uncharged(__a0, __a1).await);
        ::core::result::Result::Ok(__charge.settle(__response).await)
    })
}
#[doc(hidden)]
struct reverse {}
impl reverse {
    async fn uncharged(
        Path(id): Path<u32>,
        Json(input): Json<Text>,
    ) -> impl IntoResponse {
        input
    }
}
#[automatically_derived]
impl ::stripeflare::__private::Route for reverse {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Post;
    const PATH: &'static str = "/reverse/{id}";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "reverse");
    const ENDPOINT: ::stripeflare::__private::Endpoint = reverse;
}
#[automatically_derived]
impl<__U> ::stripeflare::__private::RouteOf<__U> for reverse {}
