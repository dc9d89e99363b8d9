/** Puts the page together. Each part below gets `app` and fills its own place in index.html. */

import { createApi } from "./api.js";
import { showBegun } from "./chat/begun.js";
import { showComposer } from "./chat/composer.js";
import { OpenConversation } from "./chat/conversation.js";
import { showConversation } from "./chat/pane.js";
import { Events } from "./events.js";
import { createPlace } from "./place.js";
import { showCalling } from "./room/calling.js";
import { showPeople } from "./room/people.js";
import { Room } from "./room/room.js";
import { showBeginning } from "./shell/beginning.js";
import { showModels } from "./shell/models.js";
import { showSettings } from "./shell/settings.js";
import { showShare } from "./shell/share.js";
import { listenForShortcuts } from "./shell/shortcuts.js";
import { showSidebar } from "./shell/sidebar.js";
import { showSignIn } from "./shell/signin.js";
import { showTheme } from "./shell/theme.js";
import { showViews } from "./shell/views.js";

const events = new Events();
const api = createApi(events);
const place = createPlace(events);
const conversation = new OpenConversation({ api, events, place });
const room = new Room({ api, events, place, conversation });

/** @type {import("./types").App} */
const app = {
  api,
  place,
  events,
  conversation,
  room,
  choices: { current: () => ({}), draft: () => ({}) },
};

for (const show of [
  showTheme,
  showModels,
  showSettings,
  showBeginning,
  showShare,
  showSidebar,
  showViews,
  showSignIn,
  showPeople,
  showBegun,
  showConversation,
  showComposer,
  showCalling,
  listenForShortcuts,
]) {
  show(app);
}
place.begin();
