/**
 * How a byte stream looks on the wire: an HTTP/2 request whose body is one direction and whose response is the other.
 */

/** Marks a POST as the opening of a stream; its answer is 200 (open) or a problem document (refused). */
export const STREAM_CONTENT_TYPE = 'application/vnd.tributary.stream'
