// A chat as somebody would write it with useChat; `chat` is there for the tests to press.
import { useChat } from "client-react";
import { createRoot } from "react-dom/client";

function Chat({ id, messages }) {
  const chat = useChat({
    id,
    messages,
    resume: true,
    onError: ({ message }) => (window.complaints ??= []).push(message),
    onToolCall: ({ toolCall }) => (window.calls ??= []).push(toolCall),
    sendAutomaticallyWhen: ({ messages }) => window.sendsItself?.(messages) ?? false,
  });
  window.chat = chat;
  return (
    <main data-status={chat.status}>
      {chat.messages.map((message) => (
        <article key={message.id} id={message.id} data-role={message.role}>
          {message.parts.map((part) => (part.type === "text" ? part.text : "")).join("")}
        </article>
      ))}
    </main>
  );
}

const id = new URLSearchParams(location.search).get("id");
const saved = await fetch(`/api/chat/${encodeURIComponent(id)}/messages`);
const messages = saved.ok ? (await saved.json()).messages : [];
createRoot(document.body.appendChild(document.createElement("div"))).render(
  <Chat id={id} messages={messages} />,
);
