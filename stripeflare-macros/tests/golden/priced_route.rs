async fn reverse(Path(id): Path<u32>, Json(input): Json<Text>) -> impl IntoResponse {
    input
}
#[doc(hidden)]
struct reverse {}
#[automatically_derived]
impl ::stripeflare::__private::Route for reverse {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Post;
    const PATH: &'static str = "/reverse/{id}";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "reverse");
    fn endpoint(
        __request: ::stripeflare::__private::Request,
    ) -> ::stripeflare::__private::ResponseFuture {
        use priced as _;
        ::stripeflare::__private::boxed(async move {
            const __PRICE: ::stripeflare::__private::Price = ::stripeflare::__private::Price::exact(
                    ::stripeflare::__private::Cents::from_units(2500i64),
                )
                .hold_seconds(120u32)
                .route("POST /reverse/{id}");
            let (mut __parts, __body) = ::stripeflare::__private::into_parts(__request);
            let (__call, __body) = match ::stripeflare::__private::Call::begin(
                    &mut __parts,
                    __body,
                    &__PRICE,
                )
                .await
            {
                ::core::result::Result::Ok(__begun) => __begun,
                ::core::result::Result::Err(__response) => return __response,
            };
            let __a0 = match ::stripeflare::__private::from_parts::<
                Path<u32>,
            >(&mut __parts)
                .await
            {
                ::core::result::Result::Ok(__value) => __value,
                ::core::result::Result::Err(__response) => return __response,
            };
            let __a1 = match ::stripeflare::__private::from_request::<
                Json<Text>,
                _,
            >(__parts, __body)
                .await
            {
                ::core::result::Result::Ok(__value) => __value,
                ::core::result::Result::Err(__response) => return __response,
            };
            let __charge = match __call.reserve().await {
                ::core::result::Result::Ok(__charge) => __charge,
                ::core::result::Result::Err(__response) => return __response,
            };
            let __response = ::stripeflare::__private::into_response(
                reverse(__a0, __a1).await,
            );
            __charge.settle(__response).await
        })
    }
}
