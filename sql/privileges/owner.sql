ALTER SCHEMA public OWNER TO :"owner";
ALTER DATABASE :"database" OWNER TO :"owner";

-- What is made from here on belongs to the owner, by construction, and no function of its is ever PUBLIC's.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
SET LOCAL ROLE :"owner";
