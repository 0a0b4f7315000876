/** Meters of what a governor told, for a registry of Micrometer's; nothing is ever read back. */
@NullMarked
package io.ffrtmp.governance.micrometer;

import org.jspecify.annotations.NullMarked;
