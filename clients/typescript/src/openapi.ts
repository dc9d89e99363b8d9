/** Made by `npm run types` of what the server says at /openapi.json: change nothing here. */

export interface paths {
    "/api/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["conversations_index"];
        put?: never;
        post: operations["conversations_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["conversations_show"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["conversations_messages"];
        put?: never;
        post: operations["generations_send"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["generations_progress"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generations/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["generations_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/llm/chat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["plain_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/llm/chat/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["sessions_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/llm/chat/session/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["sessions_history"];
        put?: never;
        post?: never;
        delete: operations["sessions_clear"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/llm/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["models_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/llm/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["models_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/messages/{id}/continue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["generations_go_on"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/messages/{id}/regenerate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["generations_regenerate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["health_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Accepted: {
            generation: components["schemas"]["Generation"] | null;
            /** @description The question, stored; or the last of the results. */
            message: components["schemas"]["Message"];
            /** @description The answer, still empty; null when the message is for people, and gets none. */
            reply: components["schemas"]["Message"] | null;
            /** @description Where to follow the answer. */
            stream_url: string | null;
        };
        ActiveGeneration: {
            id: string;
            message_id: string;
        };
        CallTemplate: {
            name: string;
            /**
             * @description Your own name for what belongs together: in an A/B experiment the same one gets the same
             *     variant. When left out, you always get the same.
             */
            session?: string | null;
            /** @description The values, by the names of the variables. */
            variables?: {
                [key: string]: string;
            };
            /** @description When left out, the newest one, or that of an A/B experiment that runs. */
            version?: number | null;
        };
        Chat: {
            /** @description The conversation so far, the oldest message first. */
            messages: components["schemas"]["ChatMessage"][];
            /** @description `provider/name`; when left out, the server's default. */
            model?: string | null;
            params?: components["schemas"]["Params"] | null;
            /** @description What the model is told before the messages. */
            template?: components["schemas"]["CallTemplate"] | null;
        };
        ChatMessage: {
            /**
             * @description A text; of a user, also a list of parts, texts and images as data URLs. Beside calls it may
             *     be null.
             */
            content?: (string | (components["schemas"]["TextPart"] | components["schemas"]["ImagePart"])[]) | null;
            /**
             * @description An answer may be sent back as it was: no model is shown what it thought.
             * @default
             */
            reasoning?: string;
            role: components["schemas"]["Role"];
            /** @description Of a tool: the call that it answers. */
            tool_call_id?: string | null;
            /** @description Of an assistant: the calls that it made. */
            tool_calls?: components["schemas"]["OpenAIToolCall"][] | null;
        };
        Chatted: {
            finish_reason: string | null;
            message: components["schemas"]["Reply"];
            model: string;
            usage: components["schemas"]["Usage"] | null;
        };
        Continue: {
            /** @description `provider/name`; when left out, the conversation's, then the server's default. */
            model?: string | null;
            /**
             * @description When the conversation already has a live generation: `reject` with 409, `queue` behind it, or
             *     `interrupt` it.
             * @default reject
             */
            on_busy?: components["schemas"]["OnBusy"];
            params?: components["schemas"]["Params"] | null;
        };
        ConversationDetail: {
            /** @description What is being written now, or waits for its turn. */
            active_generations: components["schemas"]["ActiveGeneration"][];
            /** @description The end of the active branch, where the next message goes; null while there is none. */
            active_leaf: string | null;
            archived: boolean;
            /** Format: date-time */
            created_at: string;
            /** @description Whether an answer is being written now, or waits for its turn. */
            generating: boolean;
            id: string;
            metadata: {
                [key: string]: unknown;
            };
            model: string | null;
            /** @description What to call it while it has no title: the first words that a user said in it. */
            opening: string | null;
            params: {
                [key: string]: unknown;
            };
            pinned: boolean;
            /** @description When the model answers: `always`, or when a message has `@model` in it. */
            reply_mode: components["schemas"]["ReplyMode"];
            /**
             * @description What you are in it: a `viewer` reads, an `editor` also writes.
             * @enum {string}
             */
            role: "owner" | "editor" | "viewer";
            system_prompt: string | null;
            /** @description What it began with, chosen by an A/B experiment where one is named. */
            template: components["schemas"]["GivenTemplate"] | null;
            title: string | null;
            /**
             * Format: date-time
             * @description Of its settings or its messages.
             */
            updated_at: string;
        };
        ConversationPage: {
            items: components["schemas"]["ListedConversation"][];
            /** @description The `cursor` of the next page; null on the last one. */
            next_cursor: string | null;
        };
        Feedback: {
            comment: string | null;
            /** @description 1 for a good answer, -1 for a bad one. */
            rating: number;
        };
        FieldError: {
            /** @description Where: `body`, `query`, `path` or `header`, then names and indices. */
            location: string[];
            message: string;
        };
        Generation: {
            /** @description 1, and more when another attempt replaced the first. */
            attempt: number;
            conversation_id: string;
            /** Format: date-time */
            created_at: string;
            ended_at: string | null;
            error: components["schemas"]["Problem"] | null;
            /** @description Why the model stopped, in its own word. */
            finish_reason: string | null;
            first_token_at: string | null;
            id: string;
            /** @description The answer that it writes. */
            message_id: string;
            model: string;
            started_at: string | null;
            status: components["schemas"]["Status"];
            timing: components["schemas"]["Timing"] | null;
            usage: components["schemas"]["Usage"] | null;
        };
        GenerationDetail: {
            /** @description 1, and more when another attempt replaced the first. */
            attempt: number;
            conversation_id: string;
            /** Format: date-time */
            created_at: string;
            ended_at: string | null;
            error: components["schemas"]["Problem"] | null;
            /** @description Why the model stopped, in its own word. */
            finish_reason: string | null;
            first_token_at: string | null;
            id: string;
            /** @description The cursor behind all that is there now. */
            last_event_id: number | null;
            /** @description The answer that it writes. */
            message_id: string;
            model: string;
            /** @description The thinking so far. */
            reasoning: string;
            started_at: string | null;
            status: components["schemas"]["Status"];
            /** @description The answer so far. */
            text: string;
            timing: components["schemas"]["Timing"] | null;
            /** @description The calls so far; those of one that is being written may still grow. */
            tool_calls: components["schemas"]["ToolCall"][];
            usage: components["schemas"]["Usage"] | null;
        };
        GivenTemplate: {
            experiment: string | null;
            name: string;
            variant: string | null;
            version: number;
        };
        Health: {
            /** @description What a shown token survives: `process` a kill -9 of the server, `disk` a power loss too. */
            durability: string;
            /** @description The broker over which devices are heard; null where the settings name none. */
            mqtt: ("connected" | "away") | null;
            /** @description Why it is unavailable. */
            reasons: string[];
            /**
             * @description `degraded`: devices are not heard, and all else works.
             * @enum {string}
             */
            status: "ok" | "degraded" | "unavailable";
            version: string;
            /** @description Which promises do not hold as it is set up. */
            warnings: string[];
        };
        ImagePart: {
            image_url: components["schemas"]["ImageUrl"];
            /** @constant */
            type: "image_url";
        };
        ImageUrl: {
            /** @description How closely the model is to look, where it can choose. */
            detail?: ("auto" | "low" | "high") | null;
            /**
             * @description The image itself, as a data URL of the type png, jpeg, webp or gif:
             *     `data:image/png;base64,…`. No address: this server fetches nothing.
             */
            url: string;
        };
        ListedConversation: {
            /** @description The end of the active branch, where the next message goes; null while there is none. */
            active_leaf: string | null;
            archived: boolean;
            /** Format: date-time */
            created_at: string;
            /** @description Whether an answer is being written now, or waits for its turn. */
            generating: boolean;
            id: string;
            /** @description With `q`: the newest message that has it; null when only the title does. */
            match: components["schemas"]["Match"] | null;
            metadata: {
                [key: string]: unknown;
            };
            model: string | null;
            /** @description What to call it while it has no title: the first words that a user said in it. */
            opening: string | null;
            params: {
                [key: string]: unknown;
            };
            pinned: boolean;
            /** @description When the model answers: `always`, or when a message has `@model` in it. */
            reply_mode: components["schemas"]["ReplyMode"];
            /**
             * @description What you are in it: a `viewer` reads, an `editor` also writes.
             * @enum {string}
             */
            role: "owner" | "editor" | "viewer";
            system_prompt: string | null;
            /** @description What it began with, chosen by an A/B experiment where one is named. */
            template: components["schemas"]["GivenTemplate"] | null;
            title: string | null;
            /**
             * Format: date-time
             * @description Of its settings or its messages.
             */
            updated_at: string;
        };
        Match: {
            message_id: string;
            /** @description The place in the message, as plain text in pieces. */
            snippet_parts: components["schemas"]["SnippetPart"][];
        };
        Message: {
            /** @description Who sent it; null for an answer. */
            author: string | null;
            /** @description A text; or, when there are images in it, the list of parts as it was sent. */
            content: string | (components["schemas"]["TextPart"] | components["schemas"]["ImagePart"])[];
            conversation_id: string;
            /** Format: date-time */
            created_at: string;
            error: components["schemas"]["Problem"] | null;
            /** @description What you think of the answer; nobody else sees it. */
            feedback: components["schemas"]["Feedback"] | null;
            /** @description The work that wrote it, when it is an answer. */
            generation_id: string | null;
            id: string;
            model: string | null;
            /** @description The message before it; null at the beginning. */
            parent_id: string | null;
            /** @description What a reasoning model thought; never part of the content. */
            reasoning: string;
            role: components["schemas"]["Role"];
            /** @description All messages with this parent, itself included, oldest first: its other versions. */
            siblings: string[];
            status: components["schemas"]["Status"];
            /** @description Of an answer that has ended. */
            timing: components["schemas"]["Timing"] | null;
            /** @description The call that a tool's message is the result of. */
            tool_call_id: string | null;
            /** @description What an assistant's message asks you to do: send the results as `tool_results`. */
            tool_calls: components["schemas"]["ToolCall"][];
            usage: components["schemas"]["Usage"] | null;
        };
        MessagePage: {
            items: components["schemas"]["Message"][];
            /** @description The `cursor` of the next page; null on the last one. */
            next_cursor: string | null;
        };
        Model: {
            available: boolean;
            /** @description How many tokens it can be sent, where its server says so. */
            context_window: number | null;
            /** @description What a request names as its `model`. */
            id: string;
            price: {
                [key: string]: unknown;
            } | null;
            provider: string;
        };
        ModelList: {
            /** @description What answers a request that names none. */
            default: string;
            items: components["schemas"]["Model"][];
        };
        ModelsHealth: {
            providers: components["schemas"]["ProviderHealth"][];
            /** @description Whether some provider answers. */
            success: boolean;
        };
        NewConversation: {
            /** @description Anything of yours: it is kept and given back. */
            metadata?: {
                [key: string]: unknown;
            } | null;
            /** @description Answers when a message names none: `provider/name`, as `GET /api/llm/models` lists it. */
            model?: string | null;
            params?: components["schemas"]["Params"] | null;
            /**
             * @description Which messages the model answers: `always` all of them, `addressed` those with `@model` or
             *     `@` and its name; the others are for people. `always` unless set.
             */
            reply_mode?: components["schemas"]["ReplyMode"] | null;
            /**
             * @description Your own name for it. When you have a conversation of this name, that is what you get, as it
             *     is: to begin it twice is to begin it once. The sessions (`/api/llm/chat/session`) know it by
             *     this name, too.
             */
            session_id?: string | null;
            /** @description What every model in this conversation is told first. */
            system_prompt?: string | null;
            /**
             * @description Begin with a template of the server's, instead of a `system_prompt`. A `model` and `params`
             *     that you name win over the template's.
             */
            template?: components["schemas"]["TemplateUse"] | null;
            /** @description For people, in lists. */
            title?: string | null;
        };
        NewMessage: {
            /**
             * @description A text, or a list of parts: texts, and images as data URLs, `{"type": "image_url",
             *     "image_url": {"url": "data:image/png;base64,…"}}`. At most 32, and 16 of them images.
             */
            content?: (string | (components["schemas"]["TextPart"] | components["schemas"]["ImagePart"])[]) | null;
            /** @description `provider/name`; when left out, the conversation's, then the server's default. */
            model?: string | null;
            /**
             * @description When the conversation already has a live generation: `reject` with 409, `queue` behind it, or
             *     `interrupt` it.
             * @default reject
             */
            on_busy?: components["schemas"]["OnBusy"];
            params?: components["schemas"]["Params"] | null;
            /**
             * @description The message to go on from; when left out, the end of the active branch. Another message than
             *     that begins a branch, and null begins anew.
             */
            parent_id?: string | null;
            /**
             * @description In place of a content: what came of the tool calls of the message before, each call once.
             *     `[{"tool_call_id": "call_1", "content": "21 °C"}]`
             */
            tool_results?: components["schemas"]["ToolResult"][] | null;
        };
        /**
         * @description What a send does when the conversation already has a live generation.
         * @enum {string}
         */
        OnBusy: "reject" | "queue" | "interrupt";
        OpenAIFunction: {
            /** @description As the model wrote them: mostly JSON, and cut off where the answer was. */
            arguments: string;
            name: string;
        };
        /** @description A call of a tool, as in OpenAI's API. */
        OpenAIToolCall: {
            function: components["schemas"]["OpenAIFunction"];
            id: string;
            /**
             * @default function
             * @constant
             */
            type?: "function";
        };
        /**
         * @description How to generate. What is left out comes from the conversation, then from the settings of the
         *     server, then from the model's own defaults.
         */
        Params: {
            /** @description Passed to the provider as it is. The demo models take `tokens` and `tokens_per_second`. */
            extra?: {
                [key: string]: unknown;
            } | null;
            /** @description The most tokens of the answer; one that is cut here has the `finish_reason` `length`. */
            max_tokens?: number | null;
            /** @description As in OpenAI's API, for example `{"type": "json_object"}`. */
            response_format?: {
                [key: string]: unknown;
            } | null;
            /** @description The same seed gives the same answer, where the model can do that. */
            seed?: number | null;
            /** @description Do without the thinking of a reasoning model, and hide it where it thinks all the same. */
            skip_thinking?: boolean | null;
            /** @description Texts that end the answer. */
            stop?: string[] | null;
            /** @description How freely the model chooses. */
            temperature?: number | null;
            /** @description As in OpenAI's API: a text such as `auto`, or an object that names a tool. */
            tool_choice?: (string | {
                [key: string]: unknown;
            }) | null;
            /** @description As in OpenAI's API. */
            tools?: {
                [key: string]: unknown;
            }[] | null;
            /** @description The share of likely tokens that it chooses from. */
            top_p?: number | null;
        };
        /** @description RFC 9457 problem details: the body of every error, and what a generation failed with. */
        Problem: {
            /** @description This one problem, for people, with what to do about it. */
            detail: string;
            /** @description Each field that is wrong. */
            errors?: components["schemas"]["FieldError"][] | null;
            /** @description The generation that a conversation is busy with. */
            generation_id?: string | null;
            /** @description The path that was asked. */
            instance?: string | null;
            /** @description Names the request in the server's log. */
            request_id?: string | null;
            /** @description When another attempt may work. */
            retry_after_seconds?: number | null;
            status: number;
            /** @description The kind of problem, for people. */
            title: string;
            /** @description Names the kind of problem and never changes: the one to compare. */
            type: string;
        };
        ProviderHealth: {
            /** @enum {string} */
            circuit: "closed" | "open" | "half_open";
            /** @description What is wrong, when something is. */
            detail: string | null;
            /** @description Of its list of models; null when it does not answer. */
            latency_ms: number | null;
            /** @description One that it serves. */
            model: string | null;
            provider: string;
            /** @enum {string} */
            status: "healthy" | "degraded" | "down";
            url: string;
        };
        Regenerate: {
            /** @description `provider/name`; when left out, the conversation's, then the server's default. */
            model?: string | null;
            /**
             * @description When the conversation already has a live generation: `reject` with 409, `queue` behind it, or
             *     `interrupt` it.
             * @default reject
             */
            on_busy?: components["schemas"]["OnBusy"];
            params?: components["schemas"]["Params"] | null;
        };
        Reply: {
            content: string;
            /** @description What a reasoning model thought; never part of the content. */
            reasoning: string;
            /**
             * @default assistant
             * @constant
             */
            role?: "assistant";
            /** @description What it asks you to do: send it again with this message and a `tool` message for each. */
            tool_calls: components["schemas"]["OpenAIToolCall"][];
        };
        /**
         * @description Whether every message of a conversation gets an answer, or one that calls the model by name
         *     (see chat.addressing).
         * @enum {string}
         */
        ReplyMode: "always" | "addressed";
        /** @enum {string} */
        Role: "system" | "user" | "assistant" | "tool";
        SessionAnswer: {
            message_id: string;
            response: string;
            session_id: string;
            /**
             * @default true
             * @constant
             */
            success?: true;
            usage: components["schemas"]["Usage"] | null;
        };
        SessionChat: {
            message: string;
            /** @description `provider/name`; when left out, the conversation's, then the server's default. */
            model?: string | null;
            params?: components["schemas"]["Params"] | null;
            /** @description Your own name for the conversation; it is created when it is new. */
            session_id: string;
            /** @description Of the conversation; only its first message sets it. */
            system_prompt?: string | null;
            /**
             * @description Begin with a template of the server's, instead of a `system_prompt`; a session that is there
             *     already goes on as it began.
             */
            template?: components["schemas"]["TemplateUse"] | null;
        };
        SessionHistory: {
            messages: components["schemas"]["Message"][];
            session_id: string;
            /**
             * @default true
             * @constant
             */
            success?: true;
        };
        SnippetPart: {
            /** @description Whether it is what was looked for. */
            hit: boolean;
            text: string;
        };
        /**
         * @description Of a generation and of the message it writes: queued → streaming → one of the rest, once.
         * @enum {string}
         */
        Status: "queued" | "streaming" | "complete" | "stopped" | "failed" | "interrupted";
        Stopped: {
            /** @description The end of the log: nothing comes after it. */
            last_event_id: number | null;
            status: components["schemas"]["Status"];
        };
        TemplateUse: {
            name: string;
            /** @description The values, by the names of the variables. */
            variables?: {
                [key: string]: string;
            };
            /** @description When left out, the newest one, or that of an A/B experiment that runs. */
            version?: number | null;
        };
        TextPart: {
            text: string;
            /** @constant */
            type: "text";
        };
        /** @description From when its turn came. */
        Timing: {
            first_token_seconds: number | null;
            /** @description How long it thought; null when it did not. */
            reasoning_seconds: number | null;
            total_seconds: number | null;
        };
        /** @description A call of a tool; to run it is yours. */
        ToolCall: {
            /** @description As the model wrote them: mostly JSON, and cut off where the answer was. */
            arguments: string;
            /** @description What its result names. */
            id: string;
            name: string;
        };
        ToolResult: {
            /** @description What came of it. */
            content: string;
            /** @description The `id` of the call, as the assistant's message has it. */
            tool_call_id: string;
        };
        Usage: {
            /** @description Of the input. */
            cached_tokens: number;
            cost_usd: number | null;
            /** @description True when the model's server did not say and we counted. */
            estimated: boolean;
            input_tokens: number;
            output_tokens: number;
            /** @description Of the output. */
            reasoning_tokens: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    conversations_index: {
        parameters: {
            query?: {
                /** @description Which ones, by that mark. */
                archived?: "false" | "true" | "all";
                /** @description `next_cursor` of the last page. */
                cursor?: string | null;
                /** @description The most items of a page. */
                limit?: number;
                /** @description Only those that are pinned, or those that are not. */
                pinned?: boolean | null;
                /** @description Looked for in titles and messages: all of its words, of which the last may be a beginning. Case and accents do not count. */
                q?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationPage"];
                };
            };
        };
    };
    conversations_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewConversation"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationDetail"];
                };
            };
        };
    };
    conversations_show: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of a conversation, as `POST /api/conversations` gives it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationDetail"];
                };
            };
        };
    };
    conversations_messages: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the last page. */
                cursor?: string | null;
                /** @description Show the branch that ends here instead of the active one. */
                leaf?: string | null;
                /** @description The most items of a page. */
                limit?: number;
                /** @description `desc` begins at the end of the branch. */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The `id` of a conversation, as `POST /api/conversations` gives it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessagePage"];
                };
            };
        };
    };
    generations_send: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of a conversation, as `POST /api/conversations` gives it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMessage"];
            };
        };
        responses: {
            /** @description With `Accept: text/event-stream`: `GET /api/generations/{id}/stream` at once. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The message is stored, and its answer is being written or waits for its turn. */
            202: {
                headers: {
                    /** @description The generation. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
        };
    };
    generations_progress: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of a generation, as the answer to a send names it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GenerationDetail"];
                };
            };
        };
    };
    generations_stop: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of a generation, as the answer to a send names it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stopped"];
                };
            };
        };
    };
    plain_chat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Chat"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Chatted"];
                };
            };
        };
    };
    sessions_chat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SessionChat"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionAnswer"];
                };
            };
        };
    };
    sessions_history: {
        parameters: {
            query?: {
                /** @description The most messages, the oldest first. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description Your own name for it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionHistory"];
                };
            };
        };
    };
    sessions_clear: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own name for it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    models_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelsHealth"];
                };
            };
        };
    };
    models_models: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
        };
    };
    generations_go_on: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of an answer, as the messages of its conversation show it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Continue"];
            };
        };
        responses: {
            /** @description With `Accept: text/event-stream`: `GET /api/generations/{id}/stream` at once. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The message is stored, and its answer is being written or waits for its turn. */
            202: {
                headers: {
                    /** @description The generation. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
        };
    };
    generations_regenerate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` of an answer, as the messages of its conversation show it. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Regenerate"];
            };
        };
        responses: {
            /** @description With `Accept: text/event-stream`: `GET /api/generations/{id}/stream` at once. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The message is stored, and its answer is being written or waits for its turn. */
            202: {
                headers: {
                    /** @description The generation. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
        };
    };
    health_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
}
