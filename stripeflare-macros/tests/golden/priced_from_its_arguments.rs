fn translate(
    __request: ::stripeflare::__private::Request,
) -> ::stripeflare::__private::ResponseFuture {
    use ::stripeflare::__private as __p;
    use priced as _;
    const __PRICE: __p::Price = __p::Price::asked()
        .hold_seconds(60u32)
        .label("Translate");
    __p::run(async move {
        let (__call, mut __parts, __body) = __p::Call::begin(__request, &__PRICE).await?;
        let __a0 = __p::from_parts::<Path<String>>(&mut __parts).await?;
        let __a1 = __p::from_request::<Json<Text>, _>(__parts, __body).await?;
        let __price = |_, text: &Json<Text>| cents!(0.1) * text.words();
        let __charge = __call.reserve_asked(__price(&__a0, &__a1)).await?;
        let __response = __p::into_response::<
            String,
            _,
        >(translate::uncharged(__a0, __a1).await);
        ::core::result::Result::Ok(__charge.settle(__response).await)
    })
}
#[doc(hidden)]
struct translate {}
impl translate {
    async fn uncharged(Path(language): Path<String>, Json(text): Json<Text>) -> String {
        text.into(language)
    }
}
#[automatically_derived]
impl ::stripeflare::__private::Route for translate {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Post;
    const PATH: &'static str = "/{language}";
    const NAME: &'static str = ::core::concat!(
        ::core::module_path!(), "::", "translate"
    );
    const ENDPOINT: ::stripeflare::__private::Endpoint = translate;
}
#[automatically_derived]
impl<__U> ::stripeflare::__private::RouteOf<__U> for translate {}
