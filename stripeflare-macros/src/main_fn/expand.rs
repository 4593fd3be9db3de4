//! Writes the glue between the Workers runtime and `stripeflare::__private`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::parse::RawMain;
use super::validate::Entry;

/// `recorded` is the user type that the schema lock is about.
pub(super) fn expand(entry: &Entry<'_>, recorded: Option<&str>) -> TokenStream {
    let RawMain { private: p, function, .. } = entry.raw;
    let Entry { app, version, .. } = entry;
    let build = &function.sig.ident;
    // Reported on the return type.
    let user = {
        let p = p.at(app.span());
        quote_spanned!(app.span()=> <#app as #p::AppType>::User)
    };
    let check = recorded.map(|name| quote!(const _: () = #p::check_recorded_user::<__User>(#name);));
    let section = stripeflare_schema::SECTION;
    // The functions' parameters are what wasm-bindgen names in JavaScript, hence without a prefix.
    quote! {
        #function

        const _: () = {
            // On structs wasm-bindgen finds itself by this name alone, whatever its attribute says.
            use #p::wasm_bindgen;

            type __User = #user;

            #check

            // For `cargo stripeflare schema`; it is never loaded.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                const __LENGTH: usize = #p::dump_length_of::<__User>();
                #[used]
                #[unsafe(link_section = #section)]
                static __SCHEMA: [u8; __LENGTH] = #p::dump_of::<__User, __LENGTH>();
            };

            #[#p::wasm_bindgen::prelude::wasm_bindgen(js_name = "fetch", wasm_bindgen = #p::wasm_bindgen)]
            pub fn __stripeflare_fetch(
                request: #p::web_sys::Request,
                env: #p::Env,
                context: #p::JsContext,
            ) -> #p::js_sys::Promise {
                #p::fetch::<__User>(#version, #build, request, env, context)
            }

            #[#p::wasm_bindgen::prelude::wasm_bindgen(js_name = "scheduled", wasm_bindgen = #p::wasm_bindgen)]
            pub fn __stripeflare_scheduled(
                event: #p::JsScheduledEvent,
                env: #p::Env,
                context: #p::JsScheduleContext,
            ) -> #p::js_sys::Promise {
                #p::scheduled::<__User>(#version, #build, event, env, context)
            }

            #[#p::wasm_bindgen::prelude::wasm_bindgen(js_name = "queue", wasm_bindgen = #p::wasm_bindgen)]
            pub fn __stripeflare_queue(
                batch: #p::JsMessageBatch,
                env: #p::Env,
                context: #p::JsContext,
            ) -> #p::js_sys::Promise {
                #p::queue::<__User>(#version, #build, batch, env, context)
            }

            #[#p::wasm_bindgen::prelude::wasm_bindgen(js_name = "DORM", wasm_bindgen = #p::wasm_bindgen)]
            pub struct __StripeflareObject(#p::Object<__User>);

            // Runs once when the module is loaded, before any object is made.
            #[#p::wasm_bindgen::prelude::wasm_bindgen(start, wasm_bindgen = #p::wasm_bindgen)]
            pub fn __stripeflare_start() {
                let __object = __StripeflareObject(#p::Object::unattached());
                #p::extend_durable_object(&#p::wasm_bindgen::JsValue::from(__object));
            }

            #[#p::wasm_bindgen::prelude::wasm_bindgen(js_class = "DORM", wasm_bindgen = #p::wasm_bindgen)]
            impl __StripeflareObject {
                #[wasm_bindgen(constructor)]
                pub fn new(state: #p::JsObjectState, env: #p::Env) -> Self {
                    Self(#p::Object::new(#version, &state, &env))
                }

                #[wasm_bindgen]
                pub fn call(&self, message: #p::js_sys::Uint8Array) -> #p::js_sys::Uint8Array {
                    self.0.call(&message)
                }

                #[wasm_bindgen]
                pub fn alarm(&self) -> #p::js_sys::Promise {
                    self.0.alarm()
                }
            }
        };
    }
}

/// After a mistake: the user's function alone.
pub(super) fn fallback(raw: &RawMain) -> TokenStream {
    let function = &raw.function;
    quote!(#function)
}
