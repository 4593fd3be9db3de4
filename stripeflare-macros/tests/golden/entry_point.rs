fn app() -> App<User> {
    App::new()
}
const _: () = {
    use ::stripeflare::__private::wasm_bindgen;
    type __User = <App<User> as ::stripeflare::__private::AppType>::User;
    #[cfg(target_arch = "wasm32")]
    const _: () = {
        const __LENGTH: usize = ::stripeflare::__private::dump_length_of::<__User>();
        #[used]
        #[unsafe(link_section = "stripeflare.schema")]
        static __SCHEMA: [u8; __LENGTH] = ::stripeflare::__private::dump_of::<
            __User,
            __LENGTH,
        >();
    };
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        js_name = "fetch",
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    pub fn __stripeflare_fetch(
        request: ::stripeflare::__private::web_sys::Request,
        env: ::stripeflare::__private::Env,
        context: ::stripeflare::__private::JsContext,
    ) -> ::stripeflare::__private::js_sys::Promise {
        ::stripeflare::__private::fetch::<__User>("2", app, request, env, context)
    }
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        js_name = "scheduled",
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    pub fn __stripeflare_scheduled(
        event: ::stripeflare::__private::JsScheduledEvent,
        env: ::stripeflare::__private::Env,
        context: ::stripeflare::__private::JsScheduleContext,
    ) -> ::stripeflare::__private::js_sys::Promise {
        ::stripeflare::__private::scheduled::<__User>("2", app, event, env, context)
    }
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        js_name = "queue",
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    pub fn __stripeflare_queue(
        batch: ::stripeflare::__private::JsMessageBatch,
        env: ::stripeflare::__private::Env,
        context: ::stripeflare::__private::JsContext,
    ) -> ::stripeflare::__private::js_sys::Promise {
        ::stripeflare::__private::queue::<__User>("2", app, batch, env, context)
    }
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        js_name = "DORM",
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    pub struct __StripeflareObject(::stripeflare::__private::Object<__User>);
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        start,
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    pub fn __stripeflare_start() {
        let __object = __StripeflareObject(
            ::stripeflare::__private::Object::unattached(),
        );
        ::stripeflare::__private::extend_durable_object(
            &::stripeflare::__private::wasm_bindgen::JsValue::from(__object),
        );
    }
    #[::stripeflare::__private::wasm_bindgen::prelude::wasm_bindgen(
        js_class = "DORM",
        wasm_bindgen = ::stripeflare::__private::wasm_bindgen
    )]
    impl __StripeflareObject {
        #[wasm_bindgen(constructor)]
        pub fn new(
            state: ::stripeflare::__private::JsObjectState,
            env: ::stripeflare::__private::Env,
        ) -> Self {
            Self(::stripeflare::__private::Object::new("2", &state, &env))
        }
        #[wasm_bindgen]
        pub fn call(
            &self,
            message: ::stripeflare::__private::js_sys::Uint8Array,
        ) -> ::stripeflare::__private::js_sys::Uint8Array {
            self.0.call(&message)
        }
        #[wasm_bindgen]
        pub fn alarm(&self) -> ::stripeflare::__private::js_sys::Promise {
            self.0.alarm()
        }
    }
};
