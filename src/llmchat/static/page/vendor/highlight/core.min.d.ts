/** What of highlight.js this page uses; its own types declare another module's name. */
interface Highlighter {
  registerLanguage(name: string, language: unknown): void;
  getLanguage(name: string): unknown;
  highlight(code: string, options: { language: string; ignoreIllegals?: boolean }): { value: string };
}
declare const highlighter: Highlighter;
export default highlighter;
